import { addCounts, type Job, type Shard, type Summary } from "@millrace/core";
import { embedShard } from "./embed-shard.js";
import type { Runtime } from "./runtime.js";
import { inWindow } from "./window.js";

/**
 * Brings a store up to date with a corpus: plan → (split → encode → write → seal) per shard → commit. A plan that an
 * interrupted run left is finished first; then, and while objects change under the job's feet, another pass follows.
 */
export async function embedCorpus(runtime: Runtime, job: Job): Promise<Summary> {
  let pass = await embedOnce(runtime, job);
  let { worked, deletedPoints } = pass.summary;
  let isFull = job.full;
  for (let passes = 1; pass.isAnotherNeeded && passes < maximumPasses; passes += 1) {
    // What one pass has encoded again need not be encoded again by the next.
    isFull &&= !pass.wasFull;
    pass = await embedOnce(runtime, { ...job, full: isFull });
    worked = addCounts(worked, pass.summary.worked);
    deletedPoints += pass.summary.deletedPoints;
  }
  return { ...pass.summary, deletedPoints, worked };
}

/** Objects that are rewritten faster than they can be read must not keep a job alive for ever. */
const maximumPasses = 4;

interface Pass {
  readonly summary: Summary;
  readonly isAnotherNeeded: boolean;
  /** Every object was read and encoded again. */
  readonly wasFull: boolean;
}

async function embedOnce(runtime: Runtime, job: Job): Promise<Pass> {
  const seen: Seen = { isResumed: false, isFull: true };
  await inWindow(shardsOf(runtime, job, seen), runtime.windows.shards, (shard) => embedShard(runtime, job, shard));
  await runtime.checkpoint();
  runtime.report({ kind: "committing" });
  const summary = await runtime.steps.commit(job);
  return { summary, isAnotherNeeded: seen.isResumed || summary.changedObjects > 0, wasFull: seen.isFull };
}

/** What a pass has seen of its plan. */
interface Seen {
  isResumed: boolean;
  isFull: boolean;
}

async function* shardsOf(runtime: Runtime, job: Job, seen: Seen): AsyncGenerator<Shard> {
  let cursor: string | undefined;
  for (let page = 0; page === 0 || cursor !== undefined; page += 1) {
    await runtime.checkpoint();
    const plan = await runtime.steps.plan(job, page, cursor);
    runtime.report({ kind: "planned", counts: plan.counts, isResumed: plan.isResumed });
    seen.isResumed ||= plan.isResumed;
    seen.isFull &&= plan.isFull;
    yield* plan.shards;
    cursor = plan.next;
  }
}
