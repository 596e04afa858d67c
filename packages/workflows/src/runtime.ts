import type { PlanCounts, SplitCounts, Steps } from "@millrace/core";
import type { Window } from "./window.js";

/** What happened, as it happens. Numbers are differences: whoever listens adds them up. */
export type Progress =
  | { readonly kind: "planned"; readonly counts: PlanCounts; readonly isResumed: boolean }
  | { readonly kind: "split"; readonly counts: SplitCounts; readonly isDone: boolean }
  | {
      readonly kind: "encoded";
      /** Chunks that have a vector now, and those of them that were not encoded for it. */
      readonly chunks: number;
      readonly reused: number;
      /** That were encoded. */
      readonly tokens: number;
      readonly quarantined: number;
    }
  | { readonly kind: "written"; readonly points: number }
  | { readonly kind: "committing" | "verifying" | "judging" | "promoting" };

/** How much is under way at the same time. */
export interface Windows {
  readonly shards: number;
  /** Encode steps of one shard. */
  readonly encodes: number;
  /** Batches that one encode step takes: several where a step costs more than a call. */
  readonly batchesPerEncode: number;
}

/** All the orchestration needs from whoever executes it: this process, or a Temporal workflow. */
export interface Runtime {
  readonly steps: Steps;
  /** May be others each time they are read. */
  readonly windows: Windows;
  /** Resolves when the windows are next changed; without it, they never are. */
  windowsChanged?(): Promise<void>;
  /** Called before each piece of new work: waits while paused, throws `Interrupted` when the job is to stop. */
  checkpoint(): Promise<void>;
  /** True when no new work is to be taken for now and the orchestration should return where it stands. */
  wantsRest(): boolean;
  report(progress: Progress): void;
}

/** One of a runtime's windows, whatever it is at the time. */
export function windowOf(runtime: Runtime, name: "shards" | "encodes"): Window {
  return {
    get limit() {
      return runtime.windows[name];
    },
    ...(runtime.windowsChanged === undefined ? {} : { changed: runtime.windowsChanged }),
  };
}

/** Thrown by `checkpoint` when somebody asked for a stop. What was under way has been finished; running again goes on. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}
