import { addCounts, addPlanCounts, noCounts, noPlanCounts, type PlanCounts, type SplitCounts } from "@millrace/core";
import type { Progress } from "../runtime.js";
import type { SteeredProgress } from "./steering.js";

/** What a job has done so far, as its `progress` query answers and as it is carried from run to run. */
export interface JobProgress extends SteeredProgress {
  readonly phase: "working" | "committing" | "verifying" | "judging" | "promoting" | "done";
  readonly planned: PlanCounts;
  readonly split: SplitCounts;
  readonly chunks: number;
  /** Of the chunks, those that were not encoded: their vector was known. */
  readonly reused: number;
  readonly tokens: number;
  readonly points: number;
  readonly quarantined: number;
}

export const noProgress: JobProgress = {
  phase: "working",
  isPaused: false,
  batches: { underWay: 0, limit: 0 },
  planned: noPlanCounts,
  split: noCounts,
  chunks: 0,
  reused: 0,
  tokens: 0,
  points: 0,
  quarantined: 0,
};

/** Adds what happened. */
export function addProgress(sum: JobProgress, event: Progress): JobProgress {
  switch (event.kind) {
    case "planned":
      return { ...sum, phase: "working", planned: addPlanCounts(sum.planned, event.counts) };
    case "split":
      return event.isDone
        ? sum
        : {
            ...sum,
            split: addCounts(sum.split, event.counts),
            quarantined: sum.quarantined + event.counts.quarantined,
          };
    case "encoded":
      return {
        ...sum,
        chunks: sum.chunks + event.chunks,
        reused: sum.reused + event.reused,
        tokens: sum.tokens + event.tokens,
        quarantined: sum.quarantined + event.quarantined,
      };
    case "written":
      return { ...sum, points: sum.points + event.points };
    case "committing":
    case "verifying":
    case "judging":
    case "promoting":
      return { ...sum, phase: event.kind };
  }
}
