import type { RangeLimits, ShardLimits } from "@millrace/core";

/** How large the pieces are that work is cut into. They bound memory and what an interruption costs, not what comes out. */
export interface WorkLimits {
  readonly shard: ShardLimits;
  /** What one page of a plan may hold; a corpus of any size is planned page by page. */
  readonly page: { readonly objects: number; readonly bytes: number; readonly removed: number };
  /** What one part of a shard may hold: a large object is worked on in several, each resumable by itself. */
  readonly part: { readonly documents: number; readonly tokens: number };
  /**
   * When an object that is a shard of its own is cut into ranges, each a shard. `keys` bounds the memory of making sure that
   * no id is in two of them: an object with more rows is worked on from front to back.
   */
  readonly range: RangeLimits & { readonly keys: number };
  /** What is chunked in one call: enough for the tokenizer to work on a large batch, little enough to hold in memory. */
  readonly group: { readonly documents: number; readonly characters: number };
  /**
   * What an interrupted run redoes for each host, and what rows of equal length are sought in. `characters` of text and
   * payload bound the file: a document's payload is repeated in each of its chunks.
   */
  readonly batch: { readonly chunks: number; readonly tokens: number; readonly characters: number };
  /** Documents on one page of a manifest, which is read and rewritten whole, and on one line of it. */
  readonly manifest: { readonly documentsPerPage: number; readonly documentsPerPart: number };
  /** Ids in one call: bounds the memory of a removal that empties a large store. */
  readonly idsPerDelete: number;
}

export const defaultWorkLimits: WorkLimits = {
  // About a quarter of a million tokens of plain text: seconds to a minute of one machine's encoding.
  shard: { objects: 256, bytes: 1 << 20 },
  page: { objects: 4_096, bytes: 64 << 20, removed: 4_096 },
  part: { documents: 8_192, tokens: 262_144 },
  // A page of a plan travels in Temporal's history: so many ranges are a hundred kilobytes.
  range: { bytes: 64 << 20, perObject: 256, keys: 20_000_000 },
  group: { documents: 128, characters: 1 << 18 },
  // About ten seconds of one core's encoding.
  batch: { chunks: 1_024, tokens: 65_536, characters: 32 << 20 },
  manifest: { documentsPerPage: 8_192, documentsPerPart: 2_048 },
  idsPerDelete: 4_096,
};

/** A step's answer travels in Temporal's history, where 256 KiB is already large. */
export const fleetWorkLimits: WorkLimits = {
  ...defaultWorkLimits,
  page: { ...defaultWorkLimits.page, objects: 1_024, removed: 1_024 },
};

/** Parts hold at most so many batches: what a shard's resume has to look at. */
const batchesPerPart = 16;

/** The same limits with at most `chunks` in a batch, which bounds what is encoded again after a host or worker is killed. */
export function withBatchSize(limits: WorkLimits, chunks: number): WorkLimits {
  const documents = Math.min(limits.part.documents, batchesPerPart * chunks);
  return { ...limits, batch: { ...limits.batch, chunks }, part: { ...limits.part, documents } };
}
