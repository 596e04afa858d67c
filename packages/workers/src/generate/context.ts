import type { BlobStore, Encoder, Generator, Source, Tokenizer } from "@millrace/core";
import type { PromptMaker } from "../prompts/prompt-maker.js";
import type { OpenJournal } from "./journal.js";

/** What reading prompts and writing answers work with. */
export interface PromptContext {
  /** The job's work folder. */
  readonly blobs: BlobStore;
  readonly source: Source;
  readonly prompts: PromptMaker;
  readonly limits?: GenerateLimits;
}

/** What answering works with: it needs neither source nor output. */
export interface AnswerContext {
  readonly blobs: BlobStore;
  readonly openJournal: OpenJournal;
  readonly generator: Generator;
  /** Makes vectors for requests of a batch file that want some. */
  readonly encoding?: { readonly tokenizer: Tokenizer; readonly encoder: Encoder };
  /** Called as soon as an answer, or why there is none, is safe, and for those that an earlier run left. */
  readonly onAnswer?: (answer: AnswerNote) => void;
  /** When it fires, prompts that are not answered are let go of, and the step throws its reason. */
  readonly stop?: AbortSignal;
}

/** What the steps of a generation job work with where one process does them all. */
export type GenerateContext = PromptContext & AnswerContext;

/** What is told of an answer. */
export interface AnswerNote {
  readonly sequence: number;
  readonly isNew: boolean;
}

/** How large the pieces are that a job is cut into. */
export interface GenerateLimits {
  /** Rows and characters of prompts in one batch. */
  readonly batch: { readonly rows: number; readonly characters: number };
  /** Batches that one reading makes: what follows is read from the object's beginning again. */
  readonly batchesPerPart: number;
}

export const defaultGenerateLimits: GenerateLimits = {
  batch: { rows: 1_024, characters: 16 << 20 },
  batchesPerPart: 32,
};

/** On a fleet a batch is what one worker takes: small, so that all have some. */
export const fleetGenerateLimits: GenerateLimits = {
  batch: { rows: 256, characters: 4 << 20 },
  batchesPerPart: 32,
};
