import type { Payload } from "./corpus.js";
import type { VectorForm } from "./vector-form.js";

/** Everything a store keeps about a chunk besides its vector. */
export interface PointRecord {
  /** UUIDv5 over corpus, object, document and ordinal: writing twice is writing once. */
  readonly id: string;
  readonly corpus: string;
  /** Key of the object the chunk came from; a file's path below the indexed folder. */
  readonly path: string;
  readonly document: string;
  readonly ordinal: number;
  readonly start: number;
  readonly end: number;
  readonly title: string;
  readonly headings: readonly string[];
  readonly text: string;
  readonly payload: Payload;
}

/** Points on their way into a sink: `vectors` holds `records.length × dimensions` floats, row after row. */
export interface PointBatch {
  readonly records: readonly PointRecord[];
  readonly vectors: Float32Array;
}

/** What a store must know to take vectors, and to refuse those of another kind. */
export interface StoreSchema {
  readonly dimensions: number;
  readonly distance: "cosine";
  /** How vectors are held; as float32 where nothing is said. */
  readonly form?: VectorForm;
  /** Digest of everything that changes a vector: weights, tokenizer, precision, pooling, prompt, chunking. */
  readonly fingerprint: string;
  /** sha256 of the compiled graph: a query must be encoded by the same one. */
  readonly graph: string;
  /** Where the model was found, so that a search needs no `--model`. */
  readonly model: string;
}

/** A schema as a store keeps it. */
export interface StoredSchema extends StoreSchema {
  /** Drawn at random when the store was created: a manifest made for another identity says nothing about this store. */
  readonly identity: string;
}
