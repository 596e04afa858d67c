import {
  type BlobStore,
  type Job,
  layout,
  type ManifestPart,
  type Receipt,
  type Shard,
  type Split,
  type VectorsRef,
} from "@millrace/core";
import { damaged, deletePrefix, readJson, writeJson } from "../blobs/json.js";

/** What splitting a shard leaves behind: its batches, and the documents it read. */
export interface SplitIndex {
  readonly split: Split;
  /** Documents in the order of their objects; an object that was not read at all has no part. */
  readonly parts: readonly ManifestPart[];
}

/** Says that every point of a shard was acknowledged, and what they were made of. */
export interface DoneMark extends SplitIndex {
  readonly shard: Shard;
  readonly fingerprint: string;
  readonly receipts: readonly Receipt[];
  /** The files they were made from, where those are kept. */
  readonly vectors?: readonly VectorsRef[];
}

export async function readSplitIndex(blobs: BlobStore, shard: string): Promise<SplitIndex | undefined> {
  return readJson<SplitIndex>(blobs, layout.splitIndex(shard));
}

export async function readDoneMark(blobs: BlobStore, shard: string): Promise<DoneMark | undefined> {
  return readJson<DoneMark>(blobs, layout.done(shard));
}

/** Says that every point of the shard is acknowledged. */
export async function writeDoneMark(
  { blobs }: { readonly blobs: BlobStore },
  job: Job,
  { shard, receipts, vectors }: Pick<DoneMark, "shard" | "receipts" | "vectors">,
): Promise<void> {
  const index = await readSplitIndex(blobs, shard.id);
  if (index === undefined) throw damaged(layout.splitIndex(shard.id), "gone");
  const mark: DoneMark = {
    ...index,
    shard,
    fingerprint: job.fingerprint,
    receipts,
    ...(job.keepVectors ? { vectors } : {}),
  };
  await writeJson(blobs, layout.done(shard.id), mark);
}

/** Clears away the files that a shard's done mark makes unnecessary. */
export async function clearShard({ blobs }: { readonly blobs: BlobStore }, job: Job, shard: string): Promise<void> {
  await deletePrefix(blobs, `${layout.batchesPrefix}${shard}/`);
  const vectors = `${layout.vectorsPrefix}${shard}/`;
  await deletePrefix(blobs, vectors, (key) => !job.keepVectors || layout.isVectorsIndex(key));
}
