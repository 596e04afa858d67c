import type { CorpusSteps, Job, JobSteps, ReindexSteps, ShardSteps } from "@millrace/core";
import { type ActivityOptions, proxyActivities, workflowInfo } from "@temporalio/workflow";
import type { InTurn } from "../in-turn.js";
import type { JobSpans } from "../job-spans.js";
import type { ReindexRuntime } from "../reindex-corpus.js";
import type { Progress, Windows } from "../runtime.js";
import type { Slots } from "../slots.js";
import { ioQueue } from "./queues.js";

/** A worker that says nothing for this long is taken for dead, and its step is given to another. */
const heartbeatTimeout = "30 seconds";

/** Of steps whose worker died; of those that failed, the activity itself says whether and when they are tried again. */
const retry = { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "30 seconds" } as const;

export interface TemporalRuntimeOptions {
  /** Queue of the workers that encode with the job's model. */
  readonly encodeQueue: string;
  /** Batches under way at the same time, over all workers. */
  readonly slots: Slots;
  /** Resolves at once, or when the job is no longer paused. */
  readonly checkpoint: () => Promise<void>;
  readonly report: (progress: Progress) => void;
  readonly inTurn: InTurn;
  readonly spans: JobSpans;
}

/** A step costs six events of the history; with this many batches in one, a batch costs fewer than ten. */
const batchesPerEncode = 4;

/** A part of a shard has about as many batches as one encode step takes, and two parts of a shard are under way. */
function windowsFor(batches: number): Windows {
  const encodes = Math.max(2, Math.ceil(batches / batchesPerEncode));
  return { shards: encodes, encodes, batchesPerEncode: Math.min(batchesPerEncode, batches) };
}

/** Runs a job as a Temporal workflow: each step is an activity, its journal is the history and the work folder. */
export function createTemporalRuntime(options: TemporalRuntimeOptions): ReindexRuntime {
  const { encodeQueue, slots, checkpoint, report, inTurn, spans } = options;
  const corpus = stepsOn<CorpusSteps>(ioQueue, "24 hours");
  const shard = stepsOn<ShardSteps>(ioQueue, "2 hours");
  const engine = stepsOn<ShardSteps>(encodeQueue, "2 hours");
  const quality = stepsOn<ReindexSteps>(encodeQueue, "24 hours");
  const generations = stepsOn<ReindexSteps>(ioQueue, "2 hours");
  return {
    reindex: {
      verify: (...args) => inTurn(quality.verify(...args)),
      judge: (...args) => inTurn(quality.judge(...args)),
      promote: (...args) => inTurn(generations.promote(...args)),
    },
    steps: spans.watch({
      plan: (...args) => inTurn(corpus.plan(...args)),
      split: (...args) => inTurn(shard.split(...args)),
      async encode(job, batches) {
        await slots.take(batches.length);
        try {
          return await inTurn(engine.encode(job, batches));
        } finally {
          slots.give(batches.length);
        }
      },
      write: (...args) => inTurn(shard.write(...args)),
      commit: (...args) => inTurn(corpus.commit(...args)),
    }),
    get windows() {
      return windowsFor(slots.limit);
    },
    windowsChanged: () => slots.resized(),
    checkpoint,
    wantsRest: () => workflowInfo().continueAsNewSuggested,
    report,
  };
}

/** The job that a schedule is to run now. */
export function currentJob(job: Job): Promise<Job> {
  return stepsOn<JobSteps>(ioQueue, "10 minutes").current(job);
}

/** Steps as activities of the workers of a queue. @param longest that one attempt may take */
export function stepsOn<Steps extends object>(
  taskQueue: string,
  longest: NonNullable<ActivityOptions["startToCloseTimeout"]>,
) {
  return proxyActivities<Steps>({ taskQueue, startToCloseTimeout: longest, heartbeatTimeout, retry });
}
