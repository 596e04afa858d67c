import type { CorpusSteps, Job, JobSteps, ReindexSteps, ShardSteps } from "@millrace/core";
import { condition, proxyActivities, workflowInfo } from "@temporalio/workflow";
import { createInTurn } from "../in-turn.js";
import type { ReindexRuntime } from "../reindex-corpus.js";
import type { Progress, Windows } from "../runtime.js";
import { ioQueue } from "./queues.js";

/** A worker that says nothing for this long is taken for dead, and its step is given to another. */
const heartbeatTimeout = "30 seconds";

/** Errors that may pass are tried again for ever, the rest ends the job: the activity says which is which. */
const retry = { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "30 seconds" } as const;

export interface TemporalRuntimeOptions {
  /** Queue of the workers that encode with the job's model. */
  readonly encodeQueue: string;
  /** Batches under way at the same time, over all workers. */
  readonly batches: number;
  readonly isPaused: () => boolean;
  readonly report: (progress: Progress) => void;
}

/** A step costs six events of the history; with this many batches in one, a batch costs fewer than ten. */
const batchesPerEncode = 4;

/** A part of a shard has about as many batches as one encode step takes, and two parts of a shard are under way. */
function windowsFor(batches: number): Windows {
  const encodes = Math.max(2, Math.ceil(batches / batchesPerEncode));
  return { shards: encodes, encodes, batchesPerEncode };
}

/** Runs a job as a Temporal workflow: each step is an activity, its journal is the history and the work folder. */
export function createTemporalRuntime({
  encodeQueue,
  batches,
  isPaused,
  report,
}: TemporalRuntimeOptions): ReindexRuntime {
  const corpus = proxyActivities<CorpusSteps>({
    taskQueue: ioQueue,
    startToCloseTimeout: "24 hours",
    heartbeatTimeout,
    retry,
  });
  const shard = proxyActivities<ShardSteps>({
    taskQueue: ioQueue,
    startToCloseTimeout: "2 hours",
    heartbeatTimeout,
    retry,
  });
  const engine = proxyActivities<ShardSteps>({
    taskQueue: encodeQueue,
    startToCloseTimeout: "2 hours",
    heartbeatTimeout,
    retry,
  });
  const quality = proxyActivities<ReindexSteps>({
    taskQueue: encodeQueue,
    startToCloseTimeout: "24 hours",
    heartbeatTimeout,
    retry,
  });
  const generations = proxyActivities<ReindexSteps>({
    taskQueue: ioQueue,
    startToCloseTimeout: "2 hours",
    heartbeatTimeout,
    retry,
  });
  const inTurn = createInTurn();
  return {
    reindex: {
      verify: (...args) => inTurn(quality.verify(...args)),
      judge: (...args) => inTurn(quality.judge(...args)),
      promote: (...args) => inTurn(generations.promote(...args)),
    },
    steps: {
      plan: (...args) => inTurn(corpus.plan(...args)),
      split: (...args) => inTurn(shard.split(...args)),
      encode: (...args) => inTurn(engine.encode(...args)),
      write: (...args) => inTurn(shard.write(...args)),
      commit: (...args) => inTurn(corpus.commit(...args)),
    },
    windows: windowsFor(batches),
    checkpoint: () => condition(() => !isPaused()),
    wantsRest: () => workflowInfo().continueAsNewSuggested,
    report,
  };
}

/** The job that a schedule is to run now. */
export function currentJob(job: Job): Promise<Job> {
  const { current } = proxyActivities<JobSteps>({
    taskQueue: ioQueue,
    startToCloseTimeout: "10 minutes",
    heartbeatTimeout,
    retry,
  });
  return current(job);
}
