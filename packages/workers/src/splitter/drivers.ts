import type { BlobStore, Chunker, Source } from "@millrace/core";
import type { WorkLimits } from "../work-limits.js";

/** What a splitter works with. */
export interface SplitterDrivers {
  readonly blobs: BlobStore;
  readonly source: Source;
  readonly chunker: Chunker;
  /** Identity of the store, to know whether the manifest speaks of it. */
  readonly store: string;
  /** Told, again and again, which object is being read: a sign of life. */
  readonly onProgress: (object: string) => void;
  /** `defaultWorkLimits` where none are given. */
  readonly limits?: WorkLimits;
}
