import type { PointBatch, PointRecord, StoredSchema, StoreSchema } from "./point.js";

/** Takes points. One writer per store; every call returns only when the write is durable against a killed process. */
export interface Sink {
  /**
   * Creates the store, or opens it when it was made with an equal schema.
   * @returns the store's identity.
   * @throws E_STORE_SCHEMA or E_STORE_FINGERPRINT when it was not, E_STORE_READ_ONLY when it cannot be written.
   */
  open(schema: StoreSchema): Promise<string>;
  /** Writes points, replacing those with the same ids. Ids within one batch are distinct. */
  upsert(points: PointBatch): Promise<void>;
  /** Deletes points; ids that are not there are ignored. */
  delete(ids: readonly string[]): Promise<void>;
  /** Called once after a job's last write: compacts, builds an index where the store is large enough to need one. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** A condition on a field: `path`, `title`, `corpus`, `document`, or `payload.<name>`; `*` in the pattern matches anything. */
export interface Filter {
  readonly field: string;
  readonly pattern: string;
}

export interface SearchQuery {
  /** As long as the store's `dimensions`. */
  readonly vector: Float32Array;
  /** How many hits to return at most. */
  readonly top: number;
  /** All must hold. */
  readonly filters: readonly Filter[];
  /** Compare every vector, whatever index there is. */
  readonly isExact?: boolean;
}

export interface SearchHit {
  readonly record: PointRecord;
  /** Cosine similarity of the query, in the store's form, with the vector as it is held: −1 to 1. */
  readonly score: number;
}

/** A stored point with its vector, as floats that stand for what is held. */
export interface StoredPoint {
  readonly record: PointRecord;
  readonly vector: Float32Array;
}

/** Reads points: the other half of a store. Sinks that can be searched implement it too. */
export interface Searcher {
  /** The schema the store was made with. @throws E_STORE_MISSING */
  schema(): Promise<StoredSchema>;
  count(): Promise<number>;
  /** Best first; equal scores by ascending id. */
  search(query: SearchQuery): Promise<readonly SearchHit[]>;
  /** Every point, in ascending order of id. */
  scan(): AsyncIterable<StoredPoint>;
  /** Ids of one corpus' points, some at a time, in any order and as often as they are stored; cheaper than `scan`. */
  ids?(corpus: string): AsyncIterable<readonly string[]>;
  /** The points of these ids, as far as they are there; cheaper than `scan` for a few. */
  points?(ids: readonly string[]): Promise<readonly StoredPoint[]>;
  close(): Promise<void>;
}

/** One filling of a store. A store may hold several under one name; the live one answers searches and takes writes. */
export interface Generation {
  /** Empty for a Qdrant collection that has the store's own name: it stays live, as no other can be promoted beside it. */
  readonly name: string;
  readonly schema: StoredSchema;
  readonly isLive: boolean;
}

/**
 * The generations of one store. A sink or searcher that is open stays with the generation it began with, whatever is
 * promoted meanwhile; a searcher of one that was dropped answers E_STORE_MISSING.
 */
export interface Generations {
  /** In ascending order of name; empty where there is no store. */
  list(): Promise<readonly Generation[]>;
  /** Makes a generation the live one, atomically: a search sees the one before or this one. @throws E_STORE_MISSING */
  promote(name: string): Promise<void>;
  /** Deletes a generation that is not live; one that is not there is ignored. @throws E_USAGE for the live one. */
  drop(name: string): Promise<void>;
  close(): Promise<void>;
}
