import type { PromptRow } from "../arrow/prompt-file.js";
import type { JournalEntry } from "./journal.js";

/** One answer that a batch wants, to a row that can be answered. */
export interface WantedAnswer {
  readonly prompt: PromptRow;
  /** Of the prompt in its batch. */
  readonly place: number;
  readonly sequence: number;
}

/**
 * Answers rows, in whatever order, with a model that generates or one with a head; entries, one for each answer that is
 * wanted, are taken as soon as they are there. Rejects where the model as a whole is of no use, once nothing is under way any more.
 */
export type AnswerRows = (
  wanted: readonly WantedAnswer[],
  take: (entries: readonly JournalEntry[]) => void,
) => Promise<void>;
