import type { BatchRef, BlobRef, Receipt, VectorsRef } from "./batch.js";
import type { CorpusObject } from "./corpus.js";
import type { ErrorCode } from "./errors.js";
import type { GateReport, QualityGate } from "./gate.js";
import type { Job } from "./job.js";
import type { RowRange } from "./plan.js";
import type { VerifyReport } from "./verify.js";

/** A bounded set of objects, or a row range of one large object: the unit of resume. */
export interface Shard {
  /** Sorts in plan order; rows of one object continue under `<id>.<n>`. */
  readonly id: string;
  readonly objects: readonly CorpusObject[];
  /** First row to take, where the shard continues an object another shard began. */
  readonly fromRow: number;
  /** Stored bytes of that object that the parts before have counted. */
  readonly fromByte: number;
  /** The rows of its one object that are the shard's, where other shards take the others. */
  readonly range?: RowRange;
  /** Encode every document again, also those that are in the store as they are. */
  readonly isFull: boolean;
  /** Documents, each with its object's key, to be encoded again although they are in the store as they are. */
  readonly redo?: readonly (readonly [object: string, document: string])[];
}

export interface PlanCounts {
  readonly newObjects: number;
  readonly changedObjects: number;
  readonly unchangedObjects: number;
  readonly removedObjects: number;
  readonly bytes: number;
  /** When the oldest of the new and changed objects was modified, in milliseconds since 1970. */
  readonly oldestChange?: number;
}

/** One page of what there is to do. A corpus is planned page by page, so that no step holds a listing in memory. */
export interface PlanPage {
  readonly page: number;
  readonly shards: readonly Shard[];
  /** Objects whose documents must leave the store. */
  readonly removed: readonly string[];
  readonly counts: PlanCounts;
  /** Pass to `plan` for the next page; absent on the last. */
  readonly next?: string;
  /** True when the page was planned by an earlier run that did not come to its commit. */
  readonly isResumed: boolean;
  /** True when everything on the page is to be read and encoded again. */
  readonly isFull: boolean;
}

export interface SplitCounts {
  readonly documents: number;
  readonly unchangedDocuments: number;
  /** Documents of nothing but whitespace: they have no chunk. */
  readonly emptyDocuments: number;
  readonly chunks: number;
  readonly tokens: number;
  readonly quarantined: number;
  /** Objects that are no longer what was planned; another pass plans them again. */
  readonly changedObjects: number;
  /** Stored bytes that were read for this part; what progress is measured by, since documents cannot be counted beforehand. */
  readonly bytes: number;
}

/** What became of a shard's objects. */
export interface Split {
  readonly batches: readonly BatchRef[];
  /** The rest of a large object, to be worked on as a shard of its own. */
  readonly rest?: Shard;
  readonly counts: SplitCounts;
  /** How many rows and objects went to quarantine, by the code of the reason; absent where none did. */
  readonly reasons?: Readonly<Partial<Record<ErrorCode, number>>>;
  /** True when the shard was finished by an earlier run: nothing is left to encode or write. */
  readonly isDone: boolean;
}

/** What a job did, as its last step saw it. */
export interface Summary {
  readonly documents: number;
  readonly objects: number;
  readonly deletedPoints: number;
  readonly points: number;
  /** Objects that changed while the job ran and are not in this commit. */
  readonly changedObjects: number;
  /** Documents, chunks and tokens that were worked on since the last commit, those of interrupted runs included. */
  readonly worked: SplitCounts;
}

/** Steps on the corpus as a whole. */
export interface CorpusSteps {
  /** Lists the source against the manifest. Pages that an interrupted run left are returned as they are. */
  plan(job: Job, page: number, cursor?: string): Promise<PlanPage>;
  /** Deletes what vanished, now that what is new is acknowledged, and puts the new manifest in force. */
  commit(job: Job): Promise<Summary>;
}

/**
 * Steps on one shard, in the order the data flows. Each is idempotent: what an earlier run finished is found and
 * returned, so that running again after a crash re-does at most the step that was interrupted.
 */
export interface ShardSteps {
  /** Reads, parses, chunks and tokenizes into Arrow batches. */
  split(job: Job, shard: Shard): Promise<Split>;
  /** Token batches → vectors, batch after batch. */
  encode(job: Job, batches: readonly BatchRef[]): Promise<readonly VectorsRef[]>;
  /**
   * Idempotent upsert of all vectors of a shard, acknowledged, then its done mark: from here on the shard is never worked
   * on again.
   */
  write(job: Job, shard: Shard, vectors: readonly VectorsRef[]): Promise<readonly Receipt[]>;
}

export interface Steps extends CorpusSteps, ShardSteps {}

/** How a new generation of a store is filled and judged before it goes live. Plain JSON: it travels with its job. */
export interface ReindexOptions {
  readonly gate: QualityGate;
  /** Judged queries in the job's work folder, where the gate asks for nDCG. */
  readonly judged?: BlobRef;
  /** Name or text of the prompt before them, in place of the model's own. */
  readonly queryPrompt?: string;
  /** Stored vectors that are compared with what the model gives for their text. */
  readonly sample: number;
  /** Stored vectors that are searched for, to measure recall. */
  readonly recallSample: number;
  /** Decides which vectors those are. */
  readonly seed: number;
  /** Rows that may be in quarantine. */
  readonly maxQuarantined: number;
  /** Former generations that are kept to go back to. */
  readonly keep: number;
}

/** Which generation a store answers from now. */
export interface Promotion {
  readonly live: string;
  /** What a rollback can go back to, newest first. */
  readonly kept: readonly string[];
  readonly dropped: readonly string[];
}

/** What keeps the record of the jobs of a work root. */
export interface JobSteps {
  /** The job as its last reindex or rollback left it: what was described before that fills a generation no longer live. */
  current(job: Job): Promise<Job>;
}

/** Steps on a generation that a job has filled, in their order. Each may be done again. */
export interface ReindexSteps {
  /** Compares the generation with its manifest. @throws E_VERIFY, E_QUARANTINE */
  verify(job: Job, options: ReindexOptions): Promise<VerifyReport>;
  /** Measures what the gate asks for. @throws E_GATE */
  judge(job: Job, options: ReindexOptions): Promise<GateReport>;
  /** Lets the generation answer searches, at once, and deletes those that are too old to go back to. */
  promote(job: Job, options: ReindexOptions): Promise<Promotion>;
}
