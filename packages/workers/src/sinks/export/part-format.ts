import type { FileHandle } from "node:fs/promises";
import {
  formOf,
  type HeldNumbers,
  heldLength,
  type PointBatch,
  type PointRecord,
  packVectors,
  type StoredPoint,
  type StoreSchema,
} from "@millrace/core";

/** A point with its vector's numbers as they are held. */
export interface HeldPoint {
  readonly record: PointRecord;
  readonly held: HeldNumbers;
}

/** A point as its file holds it, with the id at hand. */
export interface Row<Content> {
  readonly id: string;
  readonly content: Content;
}

export type Rows<Content> = AsyncIterable<Row<Content>> | Iterable<Row<Content>>;

/** A file format that an export can be kept in. `Content` is what passes from file to file without being looked into. */
export interface PartFormat<Content> {
  /** The driver's name and the files' extension. */
  readonly name: string;
  /** Rows of a batch, in order. */
  encode(batch: PointBatch, schema: StoreSchema): Iterable<Row<Content>>;
  decode(row: Row<Content>, schema: StoreSchema): StoredPoint;
  /** Writes a whole file, holding at most one block of rows. */
  write(file: FileHandle, rows: Rows<Content>, schema: StoreSchema): Promise<void>;
  /** Rows of a file in order, holding at most one block. */
  read(path: string): AsyncIterable<Row<Content>>;
  readIds(path: string): AsyncIterable<string>;
}

/** Points of a batch one by one, in the store's form. */
export function* heldPoints({ records, vectors }: PointBatch, schema: StoreSchema): Generator<HeldPoint> {
  const form = formOf(schema);
  const length = heldLength(form, schema.dimensions);
  const held = packVectors(form, vectors, schema.dimensions);
  for (const [row, record] of records.entries()) {
    yield { record, held: held.subarray(row * length, (row + 1) * length) };
  }
}
