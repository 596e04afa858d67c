import type { PlanCounts, SplitCounts, Steps } from "@millrace/core";

/** What happened, as it happens. Numbers are differences: whoever listens adds them up. */
export type Progress =
  | { readonly kind: "planned"; readonly counts: PlanCounts; readonly isResumed: boolean }
  | { readonly kind: "split"; readonly counts: SplitCounts; readonly isDone: boolean }
  | { readonly kind: "encoded"; readonly chunks: number; readonly tokens: number; readonly quarantined: number }
  | { readonly kind: "written"; readonly points: number }
  | { readonly kind: "committing" };

/** All the orchestration needs from whoever executes it: this process, or a Temporal workflow. */
export interface Runtime {
  readonly steps: Steps;
  /** Shards, and batches of one shard, that are worked on at the same time. */
  readonly windows: { readonly shards: number; readonly batches: number };
  /** Called before each piece of new work: waits while paused, throws `Interrupted` when the job is to stop. */
  checkpoint(): Promise<void>;
  /** True when no new work is to be taken for now and the orchestration should return where it stands. */
  wantsRest(): boolean;
  report(progress: Progress): void;
}

/** Thrown by `checkpoint` when somebody asked for a stop. What was under way has been finished; running again goes on. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}
