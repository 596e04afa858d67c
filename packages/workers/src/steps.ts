import type { BatchRef, Job, PlanPage, Receipt, Shard, Split, Steps, Summary, VectorsRef } from "@millrace/core";
import { commit } from "./steps/commit.js";
import type { EncodeContext, IoContext, StepContext, StepControl } from "./steps/context.js";
import { encode } from "./steps/encode.js";
import { guardedBlobs, guardedSink } from "./steps/guarded.js";
import { clearShard, readDoneMark, readSplitIndex, writeDoneMark } from "./steps/marks.js";
import { plan } from "./steps/plan.js";
import { writeAll } from "./steps/write.js";

/** How a step comes by the drivers of its job. */
export type ContextOf<Context> = (job: Job) => Promise<Context>;

/** All but `encode`: reading, writing, and keeping the books. */
export type IoSteps = Omit<Steps, "encode">;

/** The one step that needs a model's engine. */
export type EncodeSteps = Pick<Steps, "encode">;

/** The steps of a job, over whatever drivers its context holds. */
export function createSteps(contextOf: ContextOf<StepContext>): Steps {
  return { ...createIoSteps(contextOf), ...createEncodeSteps(contextOf) };
}

/** Once the control's signal fires, the step that is under way reads no more and writes nothing any more. */
export function createIoSteps(open: ContextOf<IoContext>, { signal }: StepControl = {}): IoSteps {
  const contextOf = async (job: Job) => (signal === undefined ? open(job) : stoppable(await open(job), signal));
  return {
    async plan(job: Job, page: number, cursor?: string): Promise<PlanPage> {
      return plan(await contextOf(job), job, page, cursor);
    },
    async split(job: Job, shard: Shard): Promise<Split> {
      const context = await contextOf(job);
      const done = await readDoneMark(context.blobs, shard.id);
      if (done !== undefined) return { ...done.split, batches: [], isDone: true };
      const begun = await readSplitIndex(context.blobs, shard.id);
      return begun?.split ?? context.splitter.split(job, shard);
    },
    async write(job: Job, shard: Shard, vectors: readonly VectorsRef[]): Promise<readonly Receipt[]> {
      const context = await contextOf(job);
      // Where an answer was lost, the step comes again, and its files may have been cleared away.
      const done = await readDoneMark(context.blobs, shard.id);
      const receipts = done?.receipts ?? (await writeAll(context, vectors));
      if (done === undefined) await writeDoneMark(context, job, { shard, receipts, vectors });
      await clearShard(context, job, shard.id);
      return receipts;
    },
    async commit(job: Job): Promise<Summary> {
      return commit(await contextOf(job), job);
    },
  };
}

function stoppable(context: IoContext, signal: AbortSignal): IoContext {
  const { blobs, sink, splitter } = context;
  const check = async () => signal.throwIfAborted();
  return {
    ...context,
    blobs: guardedBlobs(blobs, check),
    sink: guardedSink(sink, check),
    splitter: {
      split: (job, shard) => splitter.split(job, shard, signal),
      survey: (object, limits) => splitter.survey(object, limits, signal),
      close: () => splitter.close(),
    },
  };
}

export function createEncodeSteps(contextOf: ContextOf<EncodeContext>, control: StepControl = {}): EncodeSteps {
  return {
    async encode(job: Job, batches: readonly BatchRef[]): Promise<readonly VectorsRef[]> {
      const context = await contextOf(job);
      const vectors: VectorsRef[] = [];
      for (const batch of batches) {
        control.signal?.throwIfAborted();
        vectors.push(await encode(context, batch, control.signal));
        control.onProgress?.({ batches: vectors.length });
      }
      return vectors;
    },
  };
}
