import type { GenerateProgress } from "../generate-corpus.js";
import type { SteeredProgress } from "./steering.js";

/** What a generation job has done so far, as its `progress` query answers and as it is carried from run to run. */
export interface GenerateJobProgress extends SteeredProgress {
  readonly phase: "working" | "committing" | "done";
  /** Stored bytes of the source, and those of them that were read. */
  readonly bytes: { readonly read: number; readonly all: number };
  /** Prompts that were read, and whether these are all. */
  readonly prompts: number;
  readonly isRead: boolean;
  /** Prompts that are done with, and those of them that have no answer. */
  readonly answered: number;
  readonly failed: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
}

export const noGenerateProgress: GenerateJobProgress = {
  phase: "working",
  isPaused: false,
  batches: { underWay: 0, limit: 0 },
  bytes: { read: 0, all: 0 },
  prompts: 0,
  isRead: false,
  answered: 0,
  failed: 0,
  promptTokens: 0,
  generatedTokens: 0,
};

/** Adds what happened. */
export function addGenerateProgress(sum: GenerateJobProgress, event: GenerateProgress): GenerateJobProgress {
  switch (event.kind) {
    case "planned":
      return { ...sum, bytes: { ...sum.bytes, all: event.bytes } };
    case "split":
      return {
        ...sum,
        prompts: sum.prompts + event.rows,
        bytes: { ...sum.bytes, read: sum.bytes.read + event.bytes },
      };
    case "generated":
      return {
        ...sum,
        answered: sum.answered + event.rows,
        failed: sum.failed + event.failed,
        promptTokens: sum.promptTokens + event.promptTokens,
        generatedTokens: sum.generatedTokens + event.generatedTokens,
      };
    case "read":
      return { ...sum, isRead: true };
    case "committing":
      return { ...sum, phase: "committing" };
  }
}
