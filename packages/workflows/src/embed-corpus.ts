import { addCounts, type Job, type Shard, type Summary } from "@millrace/core";
import { embedShard } from "./embed-shard.js";
import { beginning, type Position, passFrom } from "./position.js";
import { type Runtime, windowOf } from "./runtime.js";
import { inWindow } from "./window.js";

/** How a run of the orchestration ended: with the job's last commit, or resting, to go on from a position. */
export type Outcome = { readonly summary: Summary } | { readonly rest: Position };

/**
 * Brings a store up to date with a corpus: plan → (split → encode → write) per shard → commit. A plan that an
 * interrupted run left is finished first; then, and while objects change under the job's feet, another pass follows.
 */
export async function embedCorpus(runtime: Runtime, job: Job): Promise<Summary> {
  for (let from = beginning(job.full); ; ) {
    const outcome = await embedCorpusFrom(runtime, job, from);
    if ("summary" in outcome) return outcome.summary;
    from = outcome.rest;
  }
}

/** The same from any position, until the job is done or the runtime wants a rest. */
export async function embedCorpusFrom(runtime: Runtime, job: Job, from: Position): Promise<Outcome> {
  for (let position = from; ; ) {
    const pass = await embedOnce(runtime, { ...job, full: position.isFull }, position);
    if ("rest" in pass) return pass;
    const { summary, isAnotherNeeded, wasFull } = pass;
    const worked = addCounts(position.worked, summary.worked);
    const deletedPoints = position.deletedPoints + summary.deletedPoints;
    const passes = position.passes + 1;
    if (!isAnotherNeeded || passes >= maximumPasses) return { summary: { ...summary, deletedPoints, worked } };
    // What one pass has encoded again need not be encoded again by the next.
    position = passFrom(passes, position.isFull && !wasFull, worked, deletedPoints);
  }
}

/** Objects that are rewritten faster than they can be read must not keep a job alive for ever. */
const maximumPasses = 4;

interface Pass {
  readonly summary: Summary;
  readonly isAnotherNeeded: boolean;
  /** Every object was read and encoded again. */
  readonly wasFull: boolean;
}

async function embedOnce(runtime: Runtime, job: Job, from: Position): Promise<Pass | { readonly rest: Position }> {
  const walk: Walk = { at: from, open: [] };
  await inWindow(shardsOf(runtime, job, walk), windowOf(runtime, "shards"), async (shard) => {
    const rest = await embedShard(runtime, job, shard);
    if (rest !== undefined) walk.open.push(rest);
  });
  if (!walk.at.isListed || walk.open.length > 0) return { rest: { ...walk.at, open: walk.open } };
  await runtime.checkpoint();
  runtime.report({ kind: "committing" });
  const summary = await runtime.steps.commit(job);
  const { seen } = walk.at;
  return { summary, isAnotherNeeded: seen.isResumed || summary.changedObjects > 0, wasFull: seen.isFull };
}

/** How far a pass has come. */
interface Walk {
  at: Position;
  /** What is left of shards that were interrupted by a rest. */
  readonly open: Shard[];
}

/** Shards to work on, until the plan ends or the runtime wants a rest; `walk.at` then says where to go on. */
async function* shardsOf(runtime: Runtime, job: Job, walk: Walk): AsyncGenerator<Shard> {
  for (const [index, shard] of walk.at.open.entries()) {
    if (runtime.wantsRest()) {
      walk.open.push(...walk.at.open.slice(index));
      return;
    }
    yield shard;
  }
  while (!walk.at.isListed && !runtime.wantsRest()) {
    await runtime.checkpoint();
    const { page, cursor, taken, isPlanned, seen } = walk.at;
    const plan = await runtime.steps.plan(job, page, cursor);
    if (!isPlanned) {
      runtime.report({ kind: "planned", counts: plan.counts, isResumed: plan.isResumed });
      const now = { isResumed: seen.isResumed || plan.isResumed, isFull: seen.isFull && plan.isFull };
      walk.at = { ...walk.at, isPlanned: true, seen: now };
    }
    for (const [index, shard] of plan.shards.entries()) {
      if (index < taken) continue;
      if (runtime.wantsRest()) return;
      walk.at = { ...walk.at, taken: index + 1 };
      yield shard;
    }
    walk.at = nextPage(walk.at, plan.next);
  }
}

function nextPage({ cursor: _, ...at }: Position, next: string | undefined): Position {
  if (next === undefined) return { ...at, isListed: true };
  return { ...at, page: at.page + 1, cursor: next, taken: 0, isPlanned: false };
}
