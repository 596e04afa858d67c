import type { FieldMapping, Row } from "@millrace/core";
import type { Content } from "./content.js";

/** How much of one object is taken, so that none exhausts the memory. */
export interface ParseLimits {
  /** Bytes of one row of a structured file; a longer one becomes E_ROW_TOO_LARGE and parsing goes on. */
  readonly maxRowBytes: number;
  /** Bytes, decompressed, of a file that is one document, and of anything else that must be held whole. */
  readonly maxObjectBytes: number;
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
