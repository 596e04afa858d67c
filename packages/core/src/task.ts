import type { Payload } from "./corpus.js";

/** What can be asked of each row of a corpus. */
export const taskNames = ["classify", "ner", "answer", "summarize", "translate", "extract"] as const;
export type TaskName = (typeof taskNames)[number];

/** A task for a model with a head; options mean what those of transformers' pipelines mean. Plain JSON. */
export interface JudgingTask {
  readonly by: "head";
  readonly name: Extract<TaskName, "classify" | "ner" | "answer">;
  /** Labels, or answers, to give of each row; all labels where there are fewer. */
  readonly top: number;
  /** Labels to try by entailment, in place of those that the model was trained with. */
  readonly labels: readonly string[];
  /** What is said of a text that a label fits; `{}` stands for the label. */
  readonly hypothesis: string;
  /** Whether any number of `labels` may fit, or one does. */
  readonly isMultiLabel: boolean;
  readonly maxAnswerTokens: number;
  readonly allowsNoAnswer: boolean;
  /** Tokens the model sees at once, and how many of them a window has in common with the one before. */
  readonly window: { readonly maxTokens: number; readonly overlap: number };
}

/** A task for a model that generates text: which one, and of what form the answer must be. Plain JSON. */
export interface WritingTask {
  readonly by: "generator";
  readonly name: Exclude<TaskName, "ner">;
  /** Of `classify`: what the answer may be. */
  readonly labels: readonly string[];
  /** Of `extract`: the JSON schema of the object that the answer holds. */
  readonly schema?: Payload;
}

export type TaskSpec = JudgingTask | WritingTask;
