import type { Job, Summary } from "@millrace/core";
import { continueAsNew, defineQuery, defineSignal, executeChild, setHandler } from "@temporalio/workflow";
import { embedCorpusFrom } from "../embed-corpus.js";
import { beginning, type Position } from "../position.js";
import { addProgress, type JobProgress, noProgress } from "./progress.js";
import { encodeQueue } from "./queues.js";
import { createTemporalRuntime } from "./runtime.js";

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
  const { job, device, batches } = input;
  let progress = input.progress ?? noProgress;
  const setPaused = (isPaused: boolean) => {
    progress = { ...progress, isPaused };
  };
  setHandler(pauseSignal, () => setPaused(true));
  setHandler(resumeSignal, () => setPaused(false));
  setHandler(progressQuery, () => progress);
  const runtime = createTemporalRuntime({
    encodeQueue: encodeQueue(job.model, device),
    batches,
    isPaused: () => progress.isPaused,
    report: (event) => {
      progress = addProgress(progress, event);
    },
  });
  const outcome = await embedCorpusFrom(runtime, job, input.from ?? beginning(job.full));
  if ("rest" in outcome) {
    return continueAsNew<typeof embedCorpus>({ ...input, from: outcome.rest, progress });
  }
  progress = { ...progress, phase: "done" };
  return outcome.summary;
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
  try {
    return await executeChild(embedCorpus, { workflowId, args: [input] });
  } catch (error) {
    // The class is not among those a workflow may import.
    if (error instanceof Error && error.name === "WorkflowExecutionAlreadyStartedError") return undefined;
    throw error;
  }
}
