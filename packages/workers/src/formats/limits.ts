import type { SizeLimits } from "@millrace/core";

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
