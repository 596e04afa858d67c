import type { CorpusSteps, ShardSteps } from "@millrace/core";
import { condition, proxyActivities, workflowInfo } from "@temporalio/workflow";
import type { Progress, Runtime } from "../runtime.js";
import { ioQueue } from "./queues.js";

/** A worker that says nothing for this long is taken for dead, and its step is given to another. */
const heartbeatTimeout = "30 seconds";

/** Errors that may pass are tried again for ever, the rest ends the job: the activity says which is which. */
const retry = { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "30 seconds" } as const;

export interface TemporalRuntimeOptions {
  /** Queue of the workers that encode with the job's model. */
  readonly encodeQueue: string;
  /** Batches of one shard under way at the same time. */
  readonly batches: number;
  readonly isPaused: () => boolean;
  readonly report: (progress: Progress) => void;
}

/** Runs a job as a Temporal workflow: each step is an activity, its journal is the history and the work folder. */
export function createTemporalRuntime({ encodeQueue, batches, isPaused, report }: TemporalRuntimeOptions): Runtime {
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
  return {
    steps: {
      plan: corpus.plan,
      split: shard.split,
      encode: engine.encode,
      write: shard.write,
      seal: shard.seal,
      commit: corpus.commit,
    },
    windows: { shards: 4, batches },
    checkpoint: () => condition(() => !isPaused()),
    wantsRest: () => workflowInfo().continueAsNewSuggested,
    report,
  };
}
