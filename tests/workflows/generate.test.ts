import { expect, test } from "@jest/globals";
import {
  type GeneratePosition,
  type GenerateProgress,
  type GenerateRuntime,
  generateCorpusFrom,
} from "@millrace/workflows";
import { madeUpAnswers, madeUpGeneration } from "../support/made-up-answers.ts";

const prompts = { pages: [2, 0, 1], partsPerObject: 2, batchesPerPart: 3 };

/** A job that rests after so many batches, again and again, its position kept as JSON as a server keeps it. */
async function answered(batchesPerRun: number) {
  const { planPrompts, splitPrompts, answerPrompts, writeAnswers, commitAnswers } = madeUpAnswers(prompts);
  const generated: string[] = [];
  const reports: GenerateProgress[] = [];
  let runs = 0;
  for (let from: GeneratePosition | undefined; ; runs += 1) {
    let begun = 0;
    const runtime: GenerateRuntime = {
      steps: {
        plan: planPrompts,
        split: splitPrompts,
        generate(job, batch) {
          begun += 1;
          generated.push(batch.key);
          return answerPrompts(job, batch);
        },
        write: writeAnswers,
        commit: commitAnswers,
      },
      window: { limit: 2 },
      checkpoint: async () => {},
      wantsRest: () => begun >= batchesPerRun,
      report: (progress) => void reports.push(progress),
    };
    const outcome = await generateCorpusFrom(runtime, madeUpGeneration.job, from);
    if ("summary" in outcome) return { generated, runs, sums: sumsOf(reports) };
    from = JSON.parse(JSON.stringify(outcome.rest)) as GeneratePosition;
  }
}

function sumsOf(reports: readonly GenerateProgress[]) {
  const sum = (kind: string, measure: (progress: GenerateProgress) => number) =>
    reports.filter((progress) => progress.kind === kind).reduce((total, progress) => total + measure(progress), 0);
  return {
    bytes: sum("planned", (progress) => ("bytes" in progress ? progress.bytes : 0)),
    read: sum("split", (progress) => ("rows" in progress ? progress.rows : 0)),
    rows: sum("generated", (progress) => ("rows" in progress ? progress.rows : 0)),
    ends: reports.filter(({ kind }) => kind === "read").length,
  };
}

test("a job that rests again and again begins each batch once, in order, and reports what one does that never rests", async () => {
  const whole = await answered(Number.POSITIVE_INFINITY);
  expect([whole.generated.length, new Set(whole.generated).size, whole.runs]).toEqual([18, 18, 0]);
  expect(whole.sums).toEqual({ bytes: 1_000, read: 180, rows: 180, ends: 1 });
  for (const batchesPerRun of [1, 2, 5]) {
    const { generated, runs, sums } = await answered(batchesPerRun);
    expect(generated).toEqual(whole.generated);
    expect(sums).toEqual(whole.sums);
    expect(runs).toBeGreaterThan(2);
  }
});
