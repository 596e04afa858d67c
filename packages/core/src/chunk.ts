import type { Document } from "./corpus.js";
import type { MillraceError } from "./errors.js";

/** A piece of a document within the token budget. `document.text.slice(start, end) === text`. */
export interface Chunk {
  /** Position within the document, from 0. */
  readonly ordinal: number;
  /** UTF-16 offsets into the document's text, `end` exclusive. */
  readonly start: number;
  readonly end: number;
  /** Titles of the headings the chunk stands under, outermost first. */
  readonly headings: readonly string[];
  readonly text: string;
  /** Special tokens included; at most `maxTokens` of them. */
  readonly tokenIds: Int32Array;
}

export const chunkingStrategies = ["structure", "truncate"] as const;
export type ChunkingStrategy = (typeof chunkingStrategies)[number];

export interface Chunking {
  /** `structure` splits at headings, paragraphs, sentences, then tokens; `truncate` keeps `maxTokens` as one chunk. */
  readonly strategy: ChunkingStrategy;
  /** Tokens in one chunk, special tokens included. */
  readonly maxTokens: number;
  /** Tokens a chunk repeats from the end of the one before; 0 to half of `maxTokens`. */
  readonly overlap: number;
}

/** Splits documents; one call takes many, so that the tokenizer works on large batches. */
export interface Chunker {
  /**
   * One list of chunks for each document, in order, or the error of a document that cannot be split (E_ROW_CHUNK).
   * A document of nothing but whitespace has no chunk. Without overlap the chunks' texts joined are the document's text.
   */
  chunk(documents: readonly Document[]): Promise<readonly (readonly Chunk[] | MillraceError)[]>;
}

/** A text's tokens with the places they came from, without the special tokens the model adds. */
export interface TokenSpans {
  readonly ids: Int32Array;
  /** UTF-16 offsets into the text, one per token, ascending; never inside a surrogate pair. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

export const truncationSides = ["left", "right"] as const;
export type TruncationSide = (typeof truncationSides)[number];

/** The model's own tokenizer, with truncation and padding off. */
export interface Tokenizer {
  /** Digest of everything that changes an id. */
  readonly digest: string;
  /** Tokens that `encode` adds to every text: such as [CLS] and [SEP], and those of a prompt. */
  readonly specialTokens: number;
  /** The end of a text that is cut off where it is too long, as the model was trained: of most it is the right one. */
  readonly truncationSide: TruncationSide;
  /** What `encode` puts before every text, where it does, and the tokenizer without it. */
  readonly prompt?: { readonly text: string; readonly without: Tokenizer };
  /** Ids of each text, special tokens included, not truncated. */
  encode(texts: readonly string[]): Promise<readonly Int32Array[]>;
  /** Number of tokens of each text, special tokens not counted. */
  count(texts: readonly string[]): Promise<readonly number[]>;
  /** Tokens of each text with their offsets, special tokens left out. */
  spans(texts: readonly string[]): Promise<readonly TokenSpans[]>;
}
