import type { EngineFacts } from "./device.js";

/** Points at bytes in a BlobStore, with what is needed to know they are the right ones. */
export interface BlobRef {
  readonly key: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** An Arrow file of chunks: the unit of scheduling. */
export interface BatchRef extends BlobRef {
  readonly shard: string;
  /** Position within the shard, from 0. */
  readonly index: number;
  readonly chunks: number;
  readonly tokens: number;
}

/** The Arrow file an encoder makes of a batch: ids, vectors, and all a sink needs to make points of them. */
export interface VectorsRef extends BlobRef {
  readonly shard: string;
  readonly index: number;
  readonly points: number;
  readonly dimensions: number;
  /** Chunks of the batch that no host could encode; they are in the shard's quarantine. */
  readonly quarantined: number;
  /** Their points' ids: what the store holds under them is of an earlier version. */
  readonly quarantinedIds: readonly string[];
  /** What ran the model. */
  readonly engine?: EngineFacts;
  /** Chunks whose vector was known, or is that of an equal chunk, with their tokens: they were not encoded for it. */
  readonly reused: { readonly chunks: number; readonly tokens: number };
}

/** What a sink acknowledged. */
export interface Receipt {
  readonly shard: string;
  readonly index: number;
  readonly points: number;
  /** sha256 over the points' ids in order. */
  readonly idsDigest: string;
  /** sha256 over the vectors' bytes in order. */
  readonly vectorsDigest: string;
  readonly quarantined: number;
  readonly engine?: EngineFacts;
}

/** Rows of a batch that go through the engine in one run. */
export interface TokenBatchPlan {
  /** Tokens of every row: rows of one run are equally long, so nothing is padded. */
  readonly length: number;
  /** Indices into the `lengths` that were planned. */
  readonly rows: readonly number[];
}

/**
 * Groups rows of equal token count into runs of at most `budget` tokens (always at least one row), longest first, so
 * that the last run to finish is a short one. Deterministic: equal input gives equal plans, rows in ascending order.
 */
export function planTokenBatches(lengths: ArrayLike<number>, budget: number): readonly TokenBatchPlan[] {
  const rowsByLength = new Map<number, number[]>();
  for (let row = 0; row < lengths.length; row += 1) {
    const length = lengths[row] as number;
    const rows = rowsByLength.get(length);
    if (rows === undefined) rowsByLength.set(length, [row]);
    else rows.push(row);
  }
  const longestFirst = [...rowsByLength.keys()].sort((a, b) => b - a);
  return longestFirst.flatMap((length) => {
    const rowsPerRun = Math.max(1, Math.floor(budget / Math.max(1, length)));
    return inPieces(rowsByLength.get(length) ?? [], rowsPerRun).map((rows) => ({ length, rows }));
  });
}

/** Cuts a list into pieces of `size`, the last one shorter. */
export function inPieces<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  const pieces: (readonly Item[])[] = [];
  for (let start = 0; start < items.length; start += size) pieces.push(items.slice(start, start + size));
  return pieces;
}
