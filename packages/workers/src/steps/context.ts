import type {
  BatchRef,
  BlobStore,
  CorpusObject,
  Encoder,
  Job,
  RowRange,
  Shard,
  Sink,
  Source,
  Split,
} from "@millrace/core";
import type { KnownVectors } from "../known-vectors/known-vectors.js";
import type { WorkLimits } from "../work-limits.js";

/** What all steps but `encode` work with; drivers are chosen by whoever composes them. */
export interface IoContext {
  readonly blobs: BlobStore;
  readonly source: Source;
  /** Opened with the job's schema. */
  readonly sink: Sink;
  /** Identity of the opened store: manifests made for another one are not believed. */
  readonly store: string;
  /** Splits a shard elsewhere, so that parsing never blocks this process. */
  readonly splitter: Splitter;
  /** `defaultWorkLimits` where none are given. */
  readonly limits?: WorkLimits;
}

/** What `encode` works with: it needs neither source nor store. */
export interface EncodeContext {
  readonly blobs: BlobStore;
  readonly encoder: Encoder;
  /** What need not be encoded again. */
  readonly known: KnownVectors;
  /** Has a batch encoded, and does something before and after. One that was encoded before is not encoded again. */
  readonly aroundBatch?: <Result>(batch: BatchRef, work: () => Promise<Result>) => Promise<Result>;
  /** Called after each engine run with the tokens it held. */
  readonly onTokens?: (tokens: number) => void;
}

/** How whoever called a step can end it, and hears how far it is. */
export interface StepControl {
  /** Nothing more is begun once it fires; the step then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told, as a few numbers, what is finished for good: were the step begun again, it would go on from there. */
  readonly onProgress?: (finished: { readonly [what: string]: number }) => void;
}

/** What the steps of one job work with where one process does them all. */
export interface StepContext extends IoContext, EncodeContext {}

export interface Splitter {
  /** @throws the signal's reason once it fires: nothing more is read then */
  split(job: Job, shard: Shard, signal?: AbortSignal): Promise<Split>;
  /** Ranges that give the same rows as the whole object; empty where it is to be split from front to back. */
  survey(object: CorpusObject, limits: WorkLimits["range"], signal?: AbortSignal): Promise<readonly RowRange[]>;
  close(): Promise<void>;
}
