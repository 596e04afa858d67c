import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { otherTinyModel, run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, pointsOf, writeFiles } from "../support/corpus.ts";

const files = 10;

describe("texts that were encoded before", () => {
  let folder: string;

  const index = async (store: string, ...more: readonly string[]) => {
    const places = ["--store", store, "--work", `${store}-work`];
    const { code, result, stderr } = await run(["index", "docs", "--hosts", "1", "--json", ...places, ...more], {
      cwd: folder,
    });
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    const { chunks, reused } = result.encoded;
    return { chunks, reused, points: await pointsOf(join(folder, store)), stderr };
  };

  beforeAll(async () => {
    folder = await temporaryFolder();
    for (let file = 0; file < files; file += 1) {
      await writeFiles(folder, {
        [`docs/${file}.md`]: madeUpMarkdown(file),
        [`docs/copies/${file}.md`]: "# The same\n",
      });
    }
  });

  test("are encoded once in a run, and not again where a folder keeps their vectors", async () => {
    const plain = await index("plain", "--model", tinyModel);
    expect(plain.reused).toBe(files - 1);
    expect(plain.stderr).toMatch(/^reused +9 vectors of equal chunks$/m);

    const cache = ["--vector-cache", "vectors"];
    const first = await index("first", "--model", tinyModel, ...cache);
    expect([first.reused, first.points]).toEqual([files - 1, plain.points]);
    const again = await index("again", "--model", tinyModel, ...cache);
    expect([again.reused, again.points]).toEqual([again.chunks, plain.points]);

    const other = await index("other", "--model", otherTinyModel, ...cache);
    expect(other.reused).toBe(files - 1);
    const full = await index("again", "--model", tinyModel, "--full", ...cache);
    expect([full.reused, full.points]).toEqual([files - 1, plain.points]);
  }, 120_000);
});
