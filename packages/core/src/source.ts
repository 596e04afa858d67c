import type { CorpusObject } from "./corpus.js";

/** Lists the objects of a corpus and opens them. Implementations: folder, file, glob, stdin, S3. */
export interface Source {
  /** Canonical: the same corpus has the same uri however the user spelled it. */
  readonly uri: string;
  /** Objects in ascending `compareKeys` order, strictly after the key `after`. Streams; holds at most one folder in memory. */
  list(after?: string): AsyncIterable<CorpusObject>;
  /**
   * Opens the object exactly as it was listed.
   * @throws E_OBJECT_CHANGED when its version is no longer the listed one, E_OBJECT_UNREADABLE when it cannot be opened.
   */
  open(object: CorpusObject): Promise<OpenObject>;
}

/** An object pinned to the version it was listed with. */
export interface OpenObject {
  readonly key: string;
  readonly bytes: number;
  /** The stored bytes from the beginning, as they lie (still compressed). */
  stream(): AsyncIterable<Uint8Array>;
  /** The stored bytes `start` (inclusive) to `end` (exclusive). */
  read(start: number, end: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
