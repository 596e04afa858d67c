import type { Job } from "@millrace/core";
import type { ListedJob, WorkState } from "@millrace/workers";
import type { GenerateJobProgress, JobProgress } from "@millrace/workflows";
import { estimatedTotal, type ProgressState } from "../report/progress.js";
import { stateOf } from "../watch-job.js";
import type { JobMoment, JobState } from "./job-view.js";

/** A job of the work folder, by what lies there. @param isWorkedOn undefined where that cannot be told from here */
export function workMoment(
  { id, job }: { readonly id: string; readonly job: Job },
  work: WorkState,
  isWorkedOn: boolean | undefined,
): JobMoment {
  const { planned, split, encoded, written, unwritten, quarantined, head } = work;
  const bytesTotal = planned?.bytes ?? 0;
  const tokensTotal = estimatedTotal(split.tokens, { done: split.bytes, total: bytesTotal });
  return {
    id,
    origin: "work",
    corpus: job.corpus,
    store: job.store,
    model: job.model.reference,
    state: workState(work, isWorkedOn),
    progress: {
      phase: phaseOf(work),
      documents: split.documents,
      chunks: encoded.chunks,
      tokens: encoded.tokens,
      ...(tokensTotal === undefined ? {} : { tokensTotal }),
      unchanged: split.unchangedDocuments,
      quarantined,
      bytesDone: Math.min(split.bytes, bytesTotal),
      bytesTotal,
    },
    flow: {
      chunks: { read: split.chunks, encode: encoded.chunks, write: written.chunks },
      waiting: { encode: split.chunks - encoded.chunks, write: unwritten.chunks },
      points: written.chunks,
    },
    ...(head.store === "" ? {} : { committed: { documents: head.documents, points: head.points } }),
  };
}

function workState({ planned, head }: WorkState, isWorkedOn: boolean | undefined): JobState {
  if (isWorkedOn === true) return "running";
  if (planned === undefined) return head.store === "" ? "interrupted" : "done";
  // What works in S3 leaves no mark here.
  return isWorkedOn === undefined ? "unknown" : "interrupted";
}

function phaseOf({ planned, isListed, split, written }: WorkState): string {
  if (planned === undefined) return "listing";
  if (isListed && split.bytes >= planned.bytes && written.chunks === split.chunks) return "committing";
  return split.chunks > 0 ? "encoding" : "reading";
}

/** A job of a Temporal server. @param progress undefined while no worker answers for it */
export function fleetMoment({ id, status }: ListedJob, progress: FleetProgress | undefined): JobMoment {
  const isPaused = status === "RUNNING" && progress?.isPaused === true;
  const state = isPaused ? "paused" : (states[status] ?? "unknown");
  if (progress === undefined) return { id, origin: "temporal", state, progress: nothingKnown };
  const known = stateOf(progress);
  if ("prompts" in progress) return { id, origin: "temporal", state, progress: known };
  const { split, chunks, points } = progress;
  const tokensTotal = estimatedTotal(split.tokens, { done: known.bytesDone, total: known.bytesTotal });
  return {
    id,
    origin: "temporal",
    state,
    progress: { ...known, ...(tokensTotal === undefined ? {} : { tokensTotal }) },
    flow: {
      chunks: { read: split.chunks, encode: chunks, write: points },
      waiting: { encode: split.chunks - chunks, write: chunks - points },
      points,
    },
  };
}

/** What the jobs of a server answer, whatever they do. */
export type FleetProgress = JobProgress | GenerateJobProgress;

const nothingKnown: ProgressState = {
  ...{ phase: "no worker answers", documents: 0, chunks: 0, tokens: 0 },
  ...{ unchanged: 0, quarantined: 0, bytesDone: 0, bytesTotal: 0 },
};

/**
 * Each job once. Of one that a server runs in the work folder, the server says whether it is at work, the folder how far it is:
 * there a batch counts as soon as it is encoded.
 * @param remote newest first; a job that ran several times is there as often
 */
export function mergedMoments(local: readonly JobMoment[], remote: readonly JobMoment[]): readonly JobMoment[] {
  const newest = new Map<string, JobMoment>();
  for (const moment of remote) if (!newest.has(moment.id)) newest.set(moment.id, moment);
  const known = new Set(local.map(({ id }) => id));
  const merged = local.map((moment): JobMoment => {
    const run = newest.get(moment.id);
    return run === undefined ? moment : { ...moment, origin: "temporal", state: run.state };
  });
  return [...merged, ...[...newest.values()].filter(({ id }) => !known.has(id))];
}

const states: Readonly<Record<string, JobState>> = {
  RUNNING: "running",
  COMPLETED: "done",
  CONTINUED_AS_NEW: "running",
  FAILED: "failed",
  TIMED_OUT: "failed",
  CANCELLED: "cancelled",
  TERMINATED: "terminated",
};
