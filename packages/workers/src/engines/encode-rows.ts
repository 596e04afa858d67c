import type { Encoder, MillraceError } from "@millrace/core";
import { type RunRowsOptions, runRows } from "./run-rows.js";

/** Vectors of some rows, and which rows the engine could not encode even alone. */
export interface EncodedRows {
  /** `rows × dimensions`; zeros where a row failed. */
  readonly vectors: Float32Array;
  readonly failed: ReadonlyMap<number, MillraceError>;
}

export type EncodeRowsOptions = Omit<RunRowsOptions, "onRow">;

/** Encodes rows of any length, as `runRows` runs them. */
export async function encodeRows(
  encoder: Encoder,
  rows: readonly Int32Array[],
  options: EncodeRowsOptions = {},
): Promise<EncodedRows> {
  const { dimensions } = encoder;
  const vectors = new Float32Array(rows.length * dimensions);
  const failed = await runRows(
    encoder,
    rows.map((ids) => ({ ids })),
    { ...options, onRow: (row, vector) => vectors.set(vector, row * dimensions) },
  );
  return { vectors, failed };
}
