import type { FieldMapping, Row, SizeLimits } from "@millrace/core";
import type { Content } from "./content.js";

/**
 * How much of one object is taken, so that none exhausts the memory: a row of a structured file that is longer becomes
 * E_ROW_TOO_LARGE and parsing goes on.
 */
export interface ParseLimits extends SizeLimits {
  /** Decompressed bytes per stored byte; counts only beyond `maxObjectBytes`. */
  readonly maxExpansion: number;
}

/** Limits where the caller sets none. */
export const defaultLimits: ParseLimits = {
  maxRowBytes: 64 * 2 ** 20,
  maxObjectBytes: 256 * 2 ** 20,
  // gzip cannot pass 1032; text that is worth indexing stays below 50.
  maxExpansion: 500,
};

/** What a format needs besides the bytes. */
export interface ParseOptions {
  readonly fields: FieldMapping;
  readonly limits: ParseLimits;
}

/** One format's reader, over bytes that are decompressed already. */
export interface Parser {
  readonly name: string;
  parse(content: Content, options: ParseOptions): AsyncIterable<Row>;
}
