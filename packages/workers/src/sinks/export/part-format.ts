import type { FileHandle } from "node:fs/promises";
import type { PointBatch, StoredPoint } from "@millrace/core";

/** A point as its file holds it, with the id at hand. */
export interface Row<Content> {
  readonly id: string;
  readonly content: Content;
}

/** A file format that an export can be kept in. `Content` is what passes from file to file without being looked into. */
export interface PartFormat<Content> {
  /** The driver's name and the files' extension. */
  readonly name: string;
  /** Rows of a batch, in order. */
  encode(batch: PointBatch, dimensions: number): Iterable<Row<Content>>;
  decode(row: Row<Content>): StoredPoint;
  /** Writes a whole file, holding at most one block of rows. */
  write(file: FileHandle, rows: AsyncIterable<Row<Content>> | Iterable<Row<Content>>): Promise<void>;
  /** Rows of a file in order, holding at most one block. */
  read(path: string): AsyncIterable<Row<Content>>;
  readIds(path: string): AsyncIterable<string>;
}

/** Points of a batch one by one; the vectors are views. */
export function* pointsOf({ records, vectors }: PointBatch, dimensions: number): Generator<StoredPoint> {
  for (const [row, record] of records.entries()) {
    yield { record, vector: vectors.subarray(row * dimensions, (row + 1) * dimensions) };
  }
}
