import type { Job, ReindexOptions, Summary } from "@millrace/core";
import { continueAsNew, defineQuery, defineSignal, executeChild, setHandler } from "@temporalio/workflow";
import { embedCorpusFrom } from "../embed-corpus.js";
import { beginning, type Position } from "../position.js";
import { promoteFilled, type ReindexSummary } from "../reindex-corpus.js";
import { addProgress, type JobProgress, noProgress } from "./progress.js";
import { encodeQueue } from "./queues.js";
import { createTemporalRuntime, currentJob } from "./runtime.js";

/** Takes no new work until `resume`; what is under way is finished. */
export const pauseSignal = defineSignal("pause");
export const resumeSignal = defineSignal("resume");
export const progressQuery = defineQuery<JobProgress>("progress");

/** What `embedCorpus` is started with. */
export interface EmbedCorpusInput {
  readonly job: Job;
  /** Kind of device that encodes. */
  readonly device: string;
  /** Batches under way at the same time: as many as all workers together are expected to encode. */
  readonly batches: number;
  /** Where the run before this one rested. */
  readonly from?: Position;
  readonly progress?: JobProgress;
}

/** The workflow `embedCorpus`: the same orchestration as in one process; long jobs continue in new histories. */
export async function embedCorpus(input: EmbedCorpusInput): Promise<Summary> {
  const { runtime, progress } = openRuntime(input);
  const outcome = await embedCorpusFrom(runtime, input.job, input.from ?? beginning(input.job.full));
  if ("rest" in outcome) {
    return continueAsNew<typeof embedCorpus>({ ...input, from: outcome.rest, progress: progress.now });
  }
  progress.now = { ...progress.now, phase: "done" };
  return outcome.summary;
}

/** What `reindexCorpus` is started with. */
export interface ReindexCorpusInput extends EmbedCorpusInput {
  readonly options: ReindexOptions;
}

/** The workflow `reindexCorpus`: fills a generation as `embedCorpus` does, and lets it answer once it is good enough. */
export async function reindexCorpus(input: ReindexCorpusInput): Promise<ReindexSummary> {
  const { job, options } = input;
  const { runtime, progress } = openRuntime(input);
  const outcome = await embedCorpusFrom(runtime, job, input.from ?? beginning(job.full));
  if ("rest" in outcome) {
    return continueAsNew<typeof reindexCorpus>({ ...input, from: outcome.rest, progress: progress.now });
  }
  const summary = await promoteFilled(runtime, job, { options, filled: outcome.summary });
  progress.now = { ...progress.now, phase: "done" };
  return summary;
}

/** The runtime of a job, which can be paused, resumed and asked how far it is. */
function openRuntime(input: EmbedCorpusInput) {
  const progress = { now: input.progress ?? noProgress };
  const setPaused = (isPaused: boolean) => {
    progress.now = { ...progress.now, isPaused };
  };
  setHandler(pauseSignal, () => setPaused(true));
  setHandler(resumeSignal, () => setPaused(false));
  setHandler(progressQuery, () => progress.now);
  const runtime = createTemporalRuntime({
    encodeQueue: encodeQueue(input.job.model, input.device),
    batches: input.batches,
    isPaused: () => progress.now.isPaused,
    report: (event) => {
      progress.now = addProgress(progress.now, event);
    },
  });
  return { runtime, progress };
}

/** What `refreshCorpus` is started with. */
export interface RefreshCorpusInput extends EmbedCorpusInput {
  /** Id by which the job cannot run twice, however it is started. */
  readonly workflowId: string;
}

/**
 * The workflow `refreshCorpus`, which schedules start: Temporal gives each start of a schedule an id of its own, so the
 * job itself runs below it, under its own. @returns undefined where the job is running already: nothing is to be done.
 */
export async function refreshCorpus({ workflowId, ...input }: RefreshCorpusInput): Promise<Summary | undefined> {
  const job = await currentJob(input.job);
  try {
    return await executeChild(embedCorpus, { workflowId, args: [{ ...input, job }] });
  } catch (error) {
    // The class is not among those a workflow may import.
    if (error instanceof Error && error.name === "WorkflowExecutionAlreadyStartedError") return undefined;
    throw error;
  }
}
