import type { Encoder, MillraceError } from "@millrace/core";
import { type EncodedRows, type EncodeRowsOptions, encodeRows } from "../engines/encode-rows.js";
import { type KnownVectors, vectorKey } from "./known-vectors.js";

/** Vectors of some rows, and how many of them were not encoded for this call. */
export interface DistinctRows extends EncodedRows {
  /** Rows whose vector was known, or is that of another row of the call. */
  readonly reused: readonly number[];
}

/**
 * Encodes rows of which the same may come again: each distinct one once, and none whose vector is known. A vector does
 * not depend on what it is encoded beside, so the result is that of encoding all of them.
 */
export async function encodeDistinct(
  encoder: Encoder,
  rows: readonly Int32Array[],
  { known, ...options }: EncodeRowsOptions & { readonly known: KnownVectors },
): Promise<DistinctRows> {
  const result = new Result(rows.length, encoder.dimensions);
  const places = new Map<string, Distinct>();
  for (const [row, ids] of rows.entries()) {
    const key = vectorKey(known.graph, ids);
    const name = key.toString("latin1");
    const distinct = places.get(name);
    if (distinct === undefined) places.set(name, { key, ids, rows: [row] });
    else distinct.rows.push(row);
  }
  const found = [...places.values()].map((distinct) => ({ distinct, vector: known.find(distinct.key) }));
  const mine = found.flatMap(({ distinct, vector }) => (vector === undefined ? [distinct] : []));
  await encodeClaimed(encoder, mine, { known, options, result });
  // What others were encoding is waited for only now: two calls that wait for each other have both done their own part.
  const left: Distinct[] = [];
  for (const { distinct, vector } of found) {
    if (vector === undefined) continue;
    const settled = await vector;
    if (settled === undefined) left.push(distinct);
    else result.reuse(distinct.rows, settled);
  }
  await encodeClaimed(encoder, left, { known, options, result });
  return result;
}

/** Rows of the same token ids. */
interface Distinct {
  readonly key: Buffer;
  readonly ids: Int32Array;
  readonly rows: number[];
}

interface Encoding {
  readonly known: KnownVectors;
  readonly options: EncodeRowsOptions;
  readonly result: Result;
}

async function encodeClaimed(
  encoder: Encoder,
  distinct: readonly Distinct[],
  { known, options, result }: Encoding,
): Promise<void> {
  if (distinct.length === 0) return;
  const settle = distinct.map(({ key }) => known.claim(key));
  try {
    const rows = distinct.map(({ ids }) => ids);
    const { vectors, failed } = await encodeRows(encoder, rows, options);
    for (const [place, { rows }] of distinct.entries()) {
      const error = failed.get(place);
      if (error !== undefined) result.fail(rows, error);
      // A copy: what is remembered must not keep all the others in memory.
      const vector = vectors.slice(place * encoder.dimensions, (place + 1) * encoder.dimensions);
      if (error === undefined) result.encoded(rows, vector);
      settle[place]?.(error === undefined ? vector : undefined);
    }
  } catch (error) {
    for (const tell of settle) tell(undefined);
    throw error;
  }
}

class Result implements DistinctRows {
  readonly vectors: Float32Array;
  readonly failed = new Map<number, MillraceError>();
  readonly reused: number[] = [];

  constructor(
    rows: number,
    private readonly dimensions: number,
  ) {
    this.vectors = new Float32Array(rows * dimensions);
  }

  encoded(rows: readonly number[], vector: Float32Array): void {
    const [first, ...others] = rows;
    if (first !== undefined) this.set(first, vector);
    this.reuse(others, vector);
  }

  reuse(rows: readonly number[], vector: Float32Array): void {
    for (const row of rows) this.set(row, vector);
    this.reused.push(...rows);
  }

  fail(rows: readonly number[], error: MillraceError): void {
    for (const row of rows) this.failed.set(row, error);
  }

  private set(row: number, vector: Float32Array): void {
    this.vectors.set(vector, row * this.dimensions);
  }
}
