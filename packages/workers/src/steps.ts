import type { BatchRef, Job, PlanPage, Receipt, Shard, Split, Steps, Summary, VectorsRef } from "@millrace/core";
import { commit } from "./steps/commit.js";
import type { StepContext } from "./steps/context.js";
import { encode } from "./steps/encode.js";
import { readDoneMark, readSplitIndex, seal } from "./steps/marks.js";
import { plan } from "./steps/plan.js";
import { write } from "./steps/write.js";

/** The steps of a job, over whatever drivers its context holds. */
export function createSteps(contextOf: (job: Job) => Promise<StepContext>): Steps {
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
    async encode(job: Job, batch: BatchRef): Promise<VectorsRef> {
      return encode(await contextOf(job), job, batch);
    },
    async write(job: Job, vectors: VectorsRef): Promise<Receipt> {
      return write(await contextOf(job), job, vectors);
    },
    async seal(job: Job, shard: Shard, receipts: readonly Receipt[]): Promise<void> {
      return seal(await contextOf(job), job, shard, receipts);
    },
    async commit(job: Job): Promise<Summary> {
      return commit(await contextOf(job), job);
    },
  };
}
