import type { AnswerNote } from "@millrace/workers";
import type { GenerateProgress } from "@millrace/workflows";
import { estimatedTotal, type ProgressState } from "./report/progress.js";

/** Adds up what a generation job does, for its progress line and its result. */
export interface GenerateTally {
  take(progress: GenerateProgress): void;
  /** Tokens since the last call, as soon as they are computed. */
  takeTokens(note: { readonly generated: number }): void;
  takeAnswer(answer: AnswerNote): void;
  /** Answers and tokens of this run alone, and how long it took from its first token to its last. */
  measured(): { readonly answers: number; readonly generated: number; readonly seconds: number };
}

export function createGenerateTally(
  show: (state: ProgressState) => void,
  now = () => performance.now(),
): GenerateTally {
  const sum = { bytes: 0, bytesTotal: 0, rows: 0, answered: 0, failed: 0, generated: 0, answers: 0 };
  let phase = "generating";
  let isRead = false;
  let firstAt: number | undefined;
  let lastAt = 0;
  const update = () => show(answeringState({ ...sum, phase, isRead }));
  return {
    take(progress) {
      if (progress.kind === "planned") sum.bytesTotal = progress.bytes;
      if (progress.kind === "split") {
        sum.rows += progress.rows;
        sum.bytes += progress.bytes;
      }
      if (progress.kind === "generated") sum.failed += progress.failed;
      if (progress.kind === "read") isRead = true;
      if (progress.kind === "committing") phase = "writing";
      update();
    },
    takeTokens({ generated }) {
      lastAt = now();
      firstAt ??= lastAt;
      sum.generated += generated;
      update();
    },
    takeAnswer({ sequence, isNew }) {
      if (isNew) sum.answers += 1;
      if (sequence > 0) return;
      sum.answered += 1;
      update();
    },
    measured: () => ({
      answers: sum.answers,
      generated: sum.generated,
      seconds: (lastAt - (firstAt ?? lastAt)) / 1000,
    }),
  };
}

/** What is known of a generation job under way. */
export interface Answering {
  readonly phase: string;
  /** Stored bytes of the source that were read, and all of them. */
  readonly bytes: number;
  readonly bytesTotal: number;
  /** Prompts that were read, and whether these are all. */
  readonly rows: number;
  readonly isRead: boolean;
  readonly answered: number;
  readonly failed: number;
  /** Tokens. */
  readonly generated: number;
}

/** As its progress line shows it. */
export function answeringState(known: Answering): ProgressState {
  const total = rowsTotal(known);
  return {
    phase: known.phase,
    noun: "prompt",
    documents: known.answered,
    ...(total > 0 && { documentsTotal: total }),
    chunks: 0,
    tokens: known.generated,
    unchanged: 0,
    quarantined: known.failed,
    bytesDone: 0,
    bytesTotal: 0,
  };
}

/** Until all is read, as many as there are if what was not read is like what was. */
function rowsTotal({ isRead, rows, bytes, bytesTotal }: Answering): number {
  return isRead ? rows : (estimatedTotal(rows, { done: bytes, total: bytesTotal }) ?? 0);
}
