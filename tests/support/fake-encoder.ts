import type { Encoder, TokenBatch } from "@millrace/core";

export interface FakeEncoder extends Encoder {
  /** Rows that were encoded so far. */
  readonly rows: number;
}

/** An encoder whose vectors are a hash of the row's ids: no model, equal ids give equal bits, other ids other ones. */
export function fakeEncoder(dimensions = 4, tokenBudget = 32): FakeEncoder {
  let rows = 0;
  return {
    dimensions,
    tokenBudget,
    maxTokens: 512,
    engine: { device: "cpu", provider: "fake" },
    get rows() {
      return rows;
    },
    async encode(batch) {
      rows += batch.rows;
      return hashedVectors(batch, dimensions);
    },
    close: async () => {},
  };
}

/** The vectors `fakeEncoder` gives: `rows × dimensions`. */
export function hashedVectors({ rows, length, ids }: TokenBatch, dimensions: number): Float32Array {
  const vectors = new Float32Array(rows * dimensions);
  for (let row = 0; row < rows; row += 1) {
    let hash = 2166136261;
    for (const id of ids.subarray(row * length, (row + 1) * length)) hash = Math.imul(hash ^ id, 16777619);
    for (let dimension = 0; dimension < dimensions; dimension += 1) {
      hash = Math.imul(hash ^ (dimension + 1), 16777619);
      vectors[row * dimensions + dimension] = hash / 2 ** 31;
    }
  }
  return vectors;
}
