import type {
  GenerateJob,
  GenerateSteps,
  GenerateSummary,
  PromptBatchRef,
  PromptShard,
  PromptSplit,
  TextsRef,
} from "@millrace/core";
import { inWindow } from "./window.js";

/** What happened, as it happens. Numbers are differences. */
export type GenerateProgress =
  | { readonly kind: "planned"; readonly bytes: number }
  | { readonly kind: "split"; readonly rows: number; readonly bytes: number }
  | ({ readonly kind: "generated" } & Pick<TextsRef, "rows" | "failed">)
  /** Every prompt was read. */
  | { readonly kind: "read" }
  | { readonly kind: "committing" };

/** All the orchestration of a generation job needs from whoever executes it. */
export interface GenerateRuntime {
  readonly steps: GenerateSteps;
  /** Batches under way at the same time: two, so that rows of the next one fill the places of those that are finished. */
  readonly batches: number;
  /** Called before each piece of new work: throws `Interrupted` when the job is to stop. */
  checkpoint(): Promise<void>;
  report(progress: GenerateProgress): void;
}

/** Answers the prompts of a corpus: plan → (split → generate → write) per batch → commit. */
export async function generateCorpus(runtime: GenerateRuntime, job: GenerateJob): Promise<GenerateSummary> {
  const { steps } = runtime;
  await inWindow(batchesOf(runtime, job), { limit: runtime.batches }, async (batch) => {
    await runtime.checkpoint();
    const texts = await steps.generate(job, batch);
    await steps.write(job, texts);
    runtime.report({ kind: "generated", rows: texts.rows, failed: texts.failed });
  });
  await runtime.checkpoint();
  runtime.report({ kind: "committing" });
  return steps.commit(job);
}

/** Batches in the corpus's order; the next part is read when the one before is taken. */
async function* batchesOf(runtime: GenerateRuntime, job: GenerateJob): AsyncGenerator<PromptBatchRef> {
  await runtime.checkpoint();
  const plan = await runtime.steps.plan(job);
  runtime.report({ kind: "planned", bytes: plan.bytes });
  for (const shard of plan.shards) {
    for (let part: PromptShard | undefined = shard; part !== undefined; ) {
      await runtime.checkpoint();
      const split: PromptSplit = await runtime.steps.split(job, part);
      runtime.report({
        kind: "split",
        rows: split.batches.reduce((sum, { rows }) => sum + rows, 0),
        bytes: split.bytes,
      });
      yield* split.batches;
      part = split.rest;
    }
  }
  runtime.report({ kind: "read" });
}
