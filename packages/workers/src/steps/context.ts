import type { BlobStore, Encoder, Job, Shard, Sink, Source, Split } from "@millrace/core";
import type { WorkLimits } from "../work-limits.js";

/** What the steps of one job work with; drivers are chosen by whoever composes it. */
export interface StepContext {
  readonly blobs: BlobStore;
  readonly source: Source;
  /** Opened with the job's schema. */
  readonly sink: Sink;
  /** Identity of the opened store: manifests made for another one are not believed. */
  readonly store: string;
  readonly encoder: Encoder;
  /** Splits a shard elsewhere, so that parsing never blocks this process. */
  readonly splitter: Splitter;
  /** Called after each engine run with the tokens it held. */
  readonly onTokens?: (tokens: number) => void;
  /** `defaultWorkLimits` where none are given. */
  readonly limits?: WorkLimits;
}

export interface Splitter {
  split(job: Job, shard: Shard): Promise<Split>;
  close(): Promise<void>;
}
