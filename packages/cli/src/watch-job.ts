import { setTimeout as delay } from "node:timers/promises";
import { type GenerateSummary, MillraceError, type Summary } from "@millrace/core";
import type { Jobs } from "@millrace/workers";
import type { GenerateJobProgress, JobProgress, ReindexSummary } from "@millrace/workflows";
import type { CommandContext } from "./command.js";
import type { Settings } from "./config/settings.js";
import { endDone, endInterrupted, quarantineError } from "./ending.js";
import { answeringState } from "./generate-tally.js";
import { formatCountOf } from "./report/format.js";
import { showGenerated } from "./report/generated.js";
import type { ProgressState } from "./report/progress.js";
import { reindexLines } from "./report/reindex.js";
import { formatFed, formatStarved } from "./report/starved-queues.js";

const pollMilliseconds = 1_000;

type AnySummary = Summary | ReindexSummary | GenerateSummary;

/** Whether a job that was started is left to itself. @throws E_USAGE where it is to be followed as well */
export function isDetached({ watch, detach }: Settings): boolean {
  if (watch && detach) {
    throw new MillraceError("E_USAGE", "--watch and --detach exclude each other", { fix: "Leave one of them out." });
  }
  return detach;
}

/** Follows a job that was started, or says how to. */
export async function followJob(context: CommandContext, jobs: Jobs, id: string): Promise<number> {
  const { settings, say, reporter } = context;
  reporter.event("started", { job: id });
  if (!isDetached(settings)) return watchJob(context, jobs, id);
  say(`follow it with: millrace jobs watch ${id}`);
  reporter.event("result", { ok: true, exitCode: 0, job: id });
  return 0;
}

/** Shows a job's progress until it ends, then what it did. Ctrl-C ends the watching, not the job. */
export async function watchJob(context: CommandContext, jobs: Jobs, id: string): Promise<number> {
  const { reporter, stop } = context;
  const end = jobs.result<AnySummary>(id).then(
    (summary) => ({ summary }),
    (error: unknown) => ({ error }),
  );
  const ended = new AbortController();
  void end.then(() => ended.abort());
  void watchQueues(context, { jobs, id, stop: AbortSignal.any([stop, ended.signal]) });
  for (;;) {
    const outcome = await Promise.race([end, pause(stop)]);
    if (outcome !== undefined) return showEnd(context, id, { outcome, jobs });
    if (stop.aborted) break;
    const progress = await currentProgress(jobs, id);
    if (progress !== undefined) reporter.update(stateOf(progress));
  }
  return endInterrupted(context, `the job goes on. Follow it with: millrace jobs watch ${id}`, { job: id });
}

async function pause(stop: AbortSignal, milliseconds = pollMilliseconds): Promise<undefined> {
  await delay(milliseconds, undefined, { signal: stop }).catch(() => {});
}

const queuesPollMilliseconds = 2_000;

interface Watched {
  readonly jobs: Jobs;
  readonly id: string;
  readonly stop: AbortSignal;
}

/** A server that says nothing for this long is taken for gone. */
const silenceMilliseconds = 10_000;

/**
 * Says once of each queue that nobody takes the job's work from it, and once that somebody does again; the same of a server that
 * does not answer, which is waited for.
 */
async function watchQueues(context: CommandContext, { jobs, id, stop }: Watched): Promise<void> {
  const { warn, say, reporter } = context;
  let known: readonly string[] = [];
  let isServerGone = false;
  while (!stop.aborted) {
    const heard = await Promise.race([askQueues(jobs, id), pause(stop, silenceMilliseconds)]);
    if (stop.aborted) return;
    if ((heard === undefined) !== isServerGone) {
      isServerGone = heard === undefined;
      if (isServerGone) warn("the Temporal server does not answer; the job goes on once it does");
      else say("the Temporal server answers again");
      reporter.event(isServerGone ? "unreachable" : "reachable", {});
    }
    // What cannot be known now is no news.
    const starved = heard ?? known;
    for (const queue of starved.filter((queue) => !known.includes(queue))) {
      warn(formatStarved(queue));
      reporter.event("waiting", { queue });
    }
    for (const queue of known.filter((queue) => !starved.includes(queue))) {
      say(formatFed(queue));
      reporter.event("working", { queue });
    }
    known = starved;
    await pause(stop, queuesPollMilliseconds);
  }
}

/** Undefined where the server does not answer; a job that is not there is not this one's to tell. */
async function askQueues(jobs: Jobs, id: string): Promise<readonly string[] | undefined> {
  return jobs.starvedQueues(id).catch((error: unknown) => (error instanceof MillraceError ? [] : undefined));
}

/** A query needs a worker that orchestrates; while there is none, nothing is known. */
async function currentProgress(jobs: Jobs, id: string): Promise<JobProgress | GenerateJobProgress | undefined> {
  return jobs.query<JobProgress | GenerateJobProgress>(id, "progress").catch(() => undefined);
}

/** What a job on a server answers, as progress lines say it. */
export function stateOf(progress: JobProgress | GenerateJobProgress): ProgressState {
  if ("prompts" in progress) return generatingState(progress);
  const { phase, isPaused, planned, split, chunks, tokens, quarantined } = progress;
  return {
    phase: isPaused ? "paused" : phase === "working" ? "encoding" : phase,
    documents: split.documents,
    chunks,
    tokens,
    unchanged: split.unchangedDocuments,
    quarantined,
    bytesDone: Math.min(split.bytes, planned.bytes),
    bytesTotal: planned.bytes,
  };
}

function generatingState({ phase, isPaused, bytes, prompts, ...sum }: GenerateJobProgress): ProgressState {
  return answeringState({
    ...sum,
    phase: isPaused ? "paused" : phase === "working" ? "generating" : phase,
    rows: prompts,
    bytes: bytes.read,
    bytesTotal: bytes.all,
    generated: sum.generatedTokens,
  });
}

interface End {
  readonly jobs: Jobs;
  readonly outcome: { readonly summary: AnySummary } | { readonly error: unknown };
}

async function showEnd(context: CommandContext, id: string, { outcome, jobs }: End): Promise<number> {
  const { say, reporter, settings } = context;
  reporter.finish();
  if ("error" in outcome) throw await endError(outcome.error, jobs, id);
  const { summary } = outcome;
  if ("promoted" in summary) {
    for (const line of reindexLines(summary, liveId(id))) say(line);
    reporter.event("result", { ok: true, exitCode: 0, job: id, ...summary });
    return 0;
  }
  if ("generatedTokens" in summary) return showGenerated(context, { id, summary });
  const { worked } = summary;
  say(`documents  ${formatCountOf(worked.documents, "document")} read, ${formatCountOf(worked.chunks, "chunk")}`);
  if (worked.quarantined > 0) say(`quarantine ${formatCountOf(worked.quarantined, "row")}`);
  if (summary.deletedPoints > 0) say(`deleted    ${formatCountOf(summary.deletedPoints, "point")}`);
  say(`store      ${formatCountOf(summary.documents, "document")}, ${formatCountOf(summary.points, "point")}`);
  const fix = "Each row's reason is in the quarantine folder of the work folder.";
  const error = quarantineError(worked.quarantined, settings, { fix });
  return endDone(context, error, { job: id, ...summary });
}

/** The job whose store a reindex fills: its own id has the generation behind it. */
function liveId(id: string): string {
  return id.split("-")[0] ?? id;
}

/** Why the job ended: the error of the step that failed, or that somebody ended it. */
async function endError(error: unknown, jobs: Jobs, id: string): Promise<unknown> {
  if (error instanceof MillraceError) return error;
  const status = await jobs.describe(id).then(
    ({ status }) => status,
    () => undefined,
  );
  if (status !== "CANCELLED" && status !== "TERMINATED") return error;
  return new MillraceError("E_JOB_ENDED", `the job ${id} was ${status.toLowerCase()}`, {
    fix: "What is done is kept: the same command goes on from there.",
  });
}
