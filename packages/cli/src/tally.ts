import { addCounts, addPlanCounts, noCounts, noPlanCounts, type PlanCounts, type SplitCounts } from "@millrace/core";
import type { Progress } from "@millrace/workflows";
import type { ProgressState } from "./report/progress.js";

/** Adds up what a run does, for its progress line and its result. */
export interface Tally {
  take(progress: Progress): void;
  /** Tokens of one engine run, as soon as it is done. */
  addTokens(tokens: number): void;
  totals(): { readonly objects: PlanCounts; readonly counts: SplitCounts; readonly encoded: Encoded };
  quarantined(): number;
  /** Tokens per second from the first engine run to the last; undefined where too little was encoded to tell. */
  rate(): number | undefined;
}

export interface Encoded {
  readonly chunks: number;
  /** Of these, those that were not encoded: their vector was known. */
  readonly reused: number;
  readonly tokens: number;
  readonly points: number;
}

/** What comes after the encoding. */
const phases: Readonly<Partial<Record<Progress["kind"], string>>> = {
  committing: "committing",
  verifying: "verifying",
  judging: "measuring",
  promoting: "going live",
};

/** Fewer tokens than this say nothing about speed. */
const leastTokensForRate = 2_000;

export function createTally(show: (state: ProgressState) => void, now = () => performance.now()): Tally {
  let objects: PlanCounts = noPlanCounts;
  let counts: SplitCounts = noCounts;
  let encoded: Encoded = { chunks: 0, reused: 0, tokens: 0, points: 0 };
  let runTokens = 0;
  let poisoned = 0;
  let phase = "listing";
  let firstRunAt: number | undefined;
  let lastRunAt = 0;
  let furthestShare = 0;
  /** The estimate wavers with what is read; what was once called done stays done. */
  const estimateTokens = (share: number) => {
    const estimate = Math.max(runTokens, Math.round(counts.tokens / share));
    if (estimate > 0) furthestShare = Math.max(furthestShare, runTokens / estimate);
    return furthestShare === 0 ? estimate : Math.max(runTokens, Math.floor(runTokens / furthestShare));
  };
  const state = (): ProgressState => {
    const share = counts.bytes === 0 ? undefined : Math.min(1, counts.bytes / Math.max(1, objects.bytes));
    return {
      phase,
      documents: counts.documents,
      chunks: encoded.chunks,
      tokens: runTokens,
      ...(share === undefined ? {} : { tokensTotal: estimateTokens(share) }),
      unchanged: counts.unchangedDocuments,
      quarantined: counts.quarantined + poisoned,
      bytesDone: Math.min(counts.bytes, objects.bytes),
      bytesTotal: objects.bytes,
    };
  };
  return {
    take(progress) {
      if (progress.kind === "planned") objects = addPlanCounts(objects, progress.counts);
      else if (progress.kind === "split") counts = progress.isDone ? counts : addCounts(counts, progress.counts);
      else if (progress.kind === "encoded") {
        encoded = {
          ...encoded,
          chunks: encoded.chunks + progress.chunks,
          reused: encoded.reused + progress.reused,
          tokens: encoded.tokens + progress.tokens,
        };
        poisoned += progress.quarantined;
      } else if (progress.kind === "written") encoded = { ...encoded, points: encoded.points + progress.points };
      phase = phases[progress.kind] ?? (runTokens > 0 ? "encoding" : "reading");
      show(state());
    },
    addTokens(tokens) {
      firstRunAt ??= now();
      lastRunAt = now();
      runTokens += tokens;
      phase = "encoding";
      show(state());
    },
    totals: () => ({ objects, counts, encoded }),
    quarantined: () => counts.quarantined + poisoned,
    rate() {
      const seconds = (lastRunAt - (firstRunAt ?? lastRunAt)) / 1000;
      return runTokens < leastTokensForRate || seconds <= 0 ? undefined : runTokens / seconds;
    },
  };
}
