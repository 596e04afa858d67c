import type {
  GenerateJob,
  GenerateSteps,
  GenerateSummary,
  PromptBatchRef,
  PromptShard,
  PromptSplit,
  TextsRef,
} from "@millrace/core";
import { inWindow, type Window } from "./window.js";

/** What happened, as it happens. Numbers are differences. */
export type GenerateProgress =
  | { readonly kind: "planned"; readonly bytes: number }
  | { readonly kind: "split"; readonly rows: number; readonly bytes: number }
  | ({ readonly kind: "generated" } & Pick<TextsRef, "rows" | "failed" | "promptTokens" | "generatedTokens">)
  /** Every prompt was read. */
  | { readonly kind: "read" }
  | { readonly kind: "committing" };

/** All the orchestration of a generation job needs from whoever executes it. */
export interface GenerateRuntime {
  readonly steps: GenerateSteps;
  /** Batches under way at the same time: at least two, so that rows of the next one fill the places of those that are finished. */
  readonly window: Window;
  /** Called before each piece of new work: throws `Interrupted` when the job is to stop. */
  checkpoint(): Promise<void>;
  /** True when no new batch is to be begun for now and the orchestration should return where it stands. */
  wantsRest(): boolean;
  report(progress: GenerateProgress): void;
}

/** The first batch that is not begun. */
export interface GeneratePosition {
  readonly page: number;
  /** Place in the plan's page. */
  readonly shard: number;
  /** The part of the shard to go on with, which was split before; the shard itself where there is none. */
  readonly part?: PromptShard;
  /** Place in the part. */
  readonly batch: number;
}

const beginning: GeneratePosition = { page: 0, shard: 0, batch: 0 };

/** A job that is done, or where it rests. */
export type GenerateOutcome = { readonly summary: GenerateSummary } | { readonly rest: GeneratePosition };

/** Answers the prompts of a corpus: plan → (split → generate → write) per batch → commit. */
export async function generateCorpus(runtime: GenerateRuntime, job: GenerateJob): Promise<GenerateSummary> {
  let from: GeneratePosition | undefined;
  for (;;) {
    const outcome = await generateCorpusFrom(runtime, job, from);
    if ("summary" in outcome) return outcome.summary;
    from = outcome.rest;
  }
}

/** The same from a position on, until it is done or the runtime wants a rest; what is under way is finished before either. */
export async function generateCorpusFrom(
  runtime: GenerateRuntime,
  job: GenerateJob,
  from: GeneratePosition = beginning,
): Promise<GenerateOutcome> {
  const { steps } = runtime;
  let rest: GeneratePosition | undefined;
  const begun = async function* () {
    for await (const { batch, at } of batchesOf(runtime, job, from)) {
      if (runtime.wantsRest()) rest = at;
      if (rest !== undefined) return;
      yield batch;
    }
  };
  await inWindow(begun(), runtime.window, async (batch) => {
    await runtime.checkpoint();
    const texts = await steps.generate(job, batch);
    await steps.write(job, texts);
    const { rows, failed, promptTokens, generatedTokens } = texts;
    runtime.report({ kind: "generated", rows, failed, promptTokens, generatedTokens });
  });
  if (rest !== undefined) return { rest };
  await runtime.checkpoint();
  runtime.report({ kind: "committing" });
  return { summary: await steps.commit(job) };
}

interface PlacedBatch {
  readonly batch: PromptBatchRef;
  readonly at: GeneratePosition;
}

/** Batches in the corpus's order; the next part is read when the one before is taken. */
async function* batchesOf(
  runtime: GenerateRuntime,
  job: GenerateJob,
  from: GeneratePosition,
): AsyncGenerator<PlacedBatch> {
  for (let at: GeneratePosition | undefined = from; at !== undefined; ) {
    const { page }: GeneratePosition = at;
    await runtime.checkpoint();
    const plan = await runtime.steps.plan(job, page);
    if (at === beginning) runtime.report({ kind: "planned", bytes: plan.bytes });
    for (const [shard, whole] of plan.shards.entries()) {
      if (shard < at.shard) continue;
      const { part, batch } = shard === at.shard ? at : { ...at, part: undefined, batch: 0 };
      for await (const placed of partsOf(runtime, job, { part: part ?? whole, batch, isReported: part !== undefined }))
        yield { batch: placed.ref, at: { page, shard, part: placed.part, batch: placed.batch } };
    }
    at = plan.next === undefined ? undefined : { page: plan.next, shard: 0, batch: 0 };
  }
  runtime.report({ kind: "read" });
}

interface PartPosition {
  readonly part: PromptShard;
  readonly batch: number;
}

/** @param from what was split before a rest was reported then */
async function* partsOf(
  runtime: GenerateRuntime,
  job: GenerateJob,
  from: PartPosition & { readonly isReported: boolean },
): AsyncGenerator<PartPosition & { readonly ref: PromptBatchRef }> {
  let { batch: first, isReported } = from;
  for (let part: PromptShard | undefined = from.part; part !== undefined; first = 0, isReported = false) {
    await runtime.checkpoint();
    const current: PromptShard = part;
    const split: PromptSplit = await runtime.steps.split(job, current);
    if (!isReported) runtime.report({ kind: "split", rows: rowsOf(split), bytes: split.bytes });
    for (const [batch, ref] of split.batches.entries()) if (batch >= first) yield { part: current, batch, ref };
    part = split.rest;
  }
}

function rowsOf({ batches }: PromptSplit): number {
  return batches.reduce((sum, { rows }) => sum + rows, 0);
}
