import type { Job, ReindexOptions, Summary } from "@millrace/core";
import {
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  makeContinueAsNewFunc,
  setHandler,
  upsertSearchAttributes,
} from "@temporalio/workflow";
import { embedCorpusFrom } from "../embed-corpus.js";
import { Gate } from "../gate.js";
import { createInTurn } from "../in-turn.js";
import { beginning, type Position } from "../position.js";
import { promoteFilled, type ReindexSummary } from "../reindex-corpus.js";
import { Slots } from "../slots.js";
import { attributes } from "./attributes.js";
import { addProgress, type JobProgress, noProgress } from "./progress.js";
import { encodeQueue } from "./queues.js";
import { createTemporalRuntime, currentJob } from "./runtime.js";
import { openJobSpans } from "./trace.js";

/** Takes no new work until `resume`; what is under way is finished. As a signal it needs no worker to be there now. */
export const pauseSignal = defineSignal("pause");
export const resumeSignal = defineSignal("resume");
/** The same, answered when the job has heard of it, with what it has done so far. */
export const pauseUpdate = defineUpdate<JobProgress>("pause");
export const resumeUpdate = defineUpdate<JobProgress>("resume");
/** How many batches may be under way at once from now on. Those that are, are finished. */
export const scaleUpdate = defineUpdate<JobProgress, [batches: number]>("scale");
export const progressQuery = defineQuery<JobProgress>("progress");

/** More are not to be under way at once: the job's state and its histories grow with them. */
const mostBatches = 10_000;

/** A new history is the one place where a job may go over to another build of the workers: it is read from its beginning. */
const upgrading = { initialVersioningBehavior: "AUTO_UPGRADE" } as const;

/** What `embedCorpus` is started with. */
export interface EmbedCorpusInput {
  readonly job: Job;
  /** Kind of device that encodes. */
  readonly device: string;
  /** Batches under way at the same time: as many as all workers together are expected to encode. */
  readonly batches: number;
  /** The server keeps the search attributes of `attributes.ts`. Without them, setting one would hold the job up for ever. */
  readonly isSearchable?: boolean;
  /** Where the run before this one rested. */
  readonly from?: Position;
  readonly progress?: JobProgress;
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
  let progress: JobProgress = { ...noProgress, ...input.progress };
  const inTurn = createInTurn();
  const slots = new Slots(input.batches);
  const gate = new Gate(progress.isPaused);
  const current = (): JobProgress => ({
    ...progress,
    isPaused: gate.isClosed,
    batches: { underWay: slots.taken, limit: slots.limit },
  });
  // What is asked of the job comes in its turn, as steps' outcomes do.
  const steered = async (act: () => void) => {
    await inTurn(Promise.resolve());
    act();
    show();
    return current();
  };
  let shown = input.progress === undefined ? undefined : phaseOf(current());
  const show = () => {
    const phase = phaseOf(current());
    if (input.isSearchable && phase !== shown)
      upsertSearchAttributes([{ key: keyword(attributes.phase), value: phase }]);
    shown = phase;
  };
  show();
  setHandler(pauseSignal, () => void steered(() => gate.close()));
  setHandler(resumeSignal, () => void steered(() => gate.open()));
  setHandler(pauseUpdate, () => steered(() => gate.close()));
  setHandler(resumeUpdate, () => steered(() => gate.open()));
  setHandler(scaleUpdate, (batches) => steered(() => slots.resize(batches)), { validator: checkBatches });
  setHandler(progressQuery, current);
  // Activities hear of a cancellation by themselves.
  CancellationScope.current().cancelRequested.catch((error: unknown) => void steered(() => gate.fail(error)));
  const spans = openJobSpans();
  const runtime = createTemporalRuntime({
    encodeQueue: encodeQueue(job.model, device),
    slots,
    checkpoint: () => gate.passed(),
    report: (event) => {
      progress = addProgress(progress, event);
      show();
    },
    inTurn,
    spans,
  });
  return {
    runtime,
    spans,
    finish: () => {
      progress = { ...progress, phase: "done" };
      show();
      spans.end();
    },
    /** What the run that goes on from there is started with. */
    rest: (from: Position) => ({ batches: slots.limit, from, progress: current() }),
  };
}

const keyword = (name: string) => ({ name, type: "KEYWORD" as const });

function phaseOf({ isPaused, phase }: JobProgress): string {
  return isPaused && phase === "working" ? "paused" : phase;
}

function checkBatches(batches: unknown): void {
  if (Number.isInteger(batches) && Number(batches) >= 1 && Number(batches) <= mostBatches) return;
  throw ApplicationFailure.nonRetryable(
    `${batches} batches cannot be under way: it must be 1 to ${mostBatches}`,
    "E_USAGE",
  );
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
