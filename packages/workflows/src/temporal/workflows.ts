import type { Job, ReindexOptions, Summary } from "@millrace/core";
import { executeChild, makeContinueAsNewFunc } from "@temporalio/workflow";
import { embedCorpusFrom } from "../embed-corpus.js";
import { beginning, type Position } from "../position.js";
import { promoteFilled, type ReindexSummary } from "../reindex-corpus.js";
import { addProgress, type JobProgress, noProgress } from "./progress.js";
import { encodeQueue } from "./queues.js";
import { createTemporalRuntime, currentJob } from "./runtime.js";
import { keyword, openSteering, type SteeredInput, upgrading } from "./steering.js";
import { openJobSpans } from "./trace.js";

export { type GenerateCorpusInput, generateCorpus } from "./generate-workflow.js";

/** What `embedCorpus` is started with. */
export interface EmbedCorpusInput extends SteeredInput<JobProgress> {
  readonly job: Job;
  /** Kind of device that encodes. */
  readonly device: string;
  /** Where the run before this one rested. */
  readonly from?: Position;
}

/** The workflow `embedCorpus`: the same orchestration as in one process; long jobs continue in new histories. */
export async function embedCorpus(input: EmbedCorpusInput): Promise<Summary> {
  const { runtime, spans, finish, rest } = openRuntime(input);
  const outcome = await spans.over(() => embedCorpusFrom(runtime, input.job, input.from ?? beginning(input.job.full)));
  if ("rest" in outcome) {
    return makeContinueAsNewFunc<typeof embedCorpus>(upgrading)({ ...input, ...rest(outcome.rest) });
  }
  finish();
  return outcome.summary;
}

/** What `reindexCorpus` is started with. */
export interface ReindexCorpusInput extends EmbedCorpusInput {
  readonly options: ReindexOptions;
}

/** The workflow `reindexCorpus`: fills a generation as `embedCorpus` does, and lets it answer once it is good enough. */
export async function reindexCorpus(input: ReindexCorpusInput): Promise<ReindexSummary> {
  const { job, options } = input;
  const { runtime, spans, finish, rest } = openRuntime(input);
  const outcome = await spans.over(() => embedCorpusFrom(runtime, job, input.from ?? beginning(job.full)));
  if ("rest" in outcome) {
    return makeContinueAsNewFunc<typeof reindexCorpus>(upgrading)({ ...input, ...rest(outcome.rest) });
  }
  const summary = await spans.over(() => promoteFilled(runtime, job, { options, filled: outcome.summary }));
  finish();
  return summary;
}

/** The runtime of a job, which can be paused, resumed, scaled and asked how far it is. */
function openRuntime(input: EmbedCorpusInput) {
  const { job, device } = input;
  const { slots, inTurn, checkpoint, current, change } = openSteering(input, noProgress);
  const spans = openJobSpans();
  const runtime = createTemporalRuntime({
    encodeQueue: encodeQueue(job.model, device),
    slots,
    checkpoint,
    report: (event) => change((sum) => addProgress(sum, event)),
    inTurn,
    spans,
  });
  return {
    runtime,
    spans,
    finish: () => {
      change((sum) => ({ ...sum, phase: "done" }));
      spans.end();
    },
    /** What the run that goes on from there is started with. */
    rest: (from: Position) => ({ batches: slots.limit, from, progress: current() }),
  };
}

/** What `refreshCorpus` is started with. */
export interface RefreshCorpusInput extends EmbedCorpusInput {
  /** Id by which the job cannot run twice, however it is started. */
  readonly workflowId: string;
  /** What the job is found by, as it is kept. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/**
 * The workflow `refreshCorpus`, which schedules start: Temporal gives each start of a schedule an id of its own, so the
 * job itself runs below it, under its own. @returns undefined where the job is running already: nothing is to be done.
 */
export async function refreshCorpus({
  workflowId,
  attributes: values = {},
  ...input
}: RefreshCorpusInput): Promise<Summary | undefined> {
  const job = await currentJob(input.job);
  try {
    return await executeChild(embedCorpus, {
      workflowId,
      args: [{ ...input, job }],
      typedSearchAttributes: Object.entries(values).map(([name, value]) => ({ key: keyword(name), value })),
    });
  } catch (error) {
    // The class is not among those a workflow may import.
    if (error instanceof Error && error.name === "WorkflowExecutionAlreadyStartedError") return undefined;
    throw error;
  }
}
