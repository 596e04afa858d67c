import { describe, expect, test } from "@jest/globals";
import { runSequence } from "../../support/model.ts";

const sequences = Number(process.env.MILLRACE_TEST_SEQUENCES ?? 320);
const firstSeed = Number(process.env.MILLRACE_TEST_SEED ?? 1);

describe("whatever happens to a corpus, its runs, its store and its work folder", () => {
  test(`the store ends as the corpus says, in ${sequences} histories`, async () => {
    let checks = 0;
    for (let seed = firstSeed; seed < firstSeed + sequences; seed += 1) checks += await runSequence(seed);
    expect(checks).toBeGreaterThan(sequences);
  }, 600_000);
});
