import type { FinishReason, TokenLogprob } from "@millrace/core";
import type { PlainError } from "../hosts/messages.js";

/** What became of one answer of a batch. */
export interface JournalEntry {
  /** Place of the prompt in its batch. */
  readonly place: number;
  readonly sequence: number;
  readonly generatedTokens: number;
  /** Where they are counted only as the row is answered. */
  readonly promptTokens?: number;
  /** Or the vectors of a row that wanted such, as JSON. */
  readonly text: string;
  readonly finishReason?: FinishReason;
  readonly logprobs?: readonly TokenLogprob[];
  /** Of a beam search. */
  readonly score?: number;
  readonly error?: PlainError;
}

/** Finished answers of one batch, so that a killed run loses none of them, or few. */
export interface Journal {
  /** What earlier runs finished. */
  readonly entries: readonly JournalEntry[];
  /** Resolves when the entries survive a killed process, together. */
  add(entries: readonly JournalEntry[]): Promise<void>;
  /** Brings to safety at once what is not safe yet. @throws where that cannot be written */
  close(): Promise<void>;
  /** To be called when the answers are kept elsewhere. */
  remove(): Promise<void>;
}

/** The journal of a batch. */
export type OpenJournal = (batch: { readonly shard: string; readonly index: number }) => Promise<Journal>;

/** One JSON line for each entry. */
export function linesOf(entries: readonly JournalEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
}

/** The entries of whole lines; one that was being written when a run was killed is left out. */
export function entriesOf(lines: string): readonly JournalEntry[] {
  const whole = lines.slice(0, lines.lastIndexOf("\n") + 1).split("\n");
  return whole.filter((line) => line !== "").map((line) => JSON.parse(line) as JournalEntry);
}
