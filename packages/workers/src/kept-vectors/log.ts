import { type BlobRef, type BlobStore, layout, type StoreSchema, type VectorsRef } from "@millrace/core";
import { damaged, readJson } from "../blobs/json.js";
import { canonicalJson, sha256 } from "../identity/digest.js";
import type { ManifestHead } from "../manifest/manifest-head.js";

/** What one commit did to the store: its files were written in this order, then ids were deleted. */
export interface VectorsLogEntry {
  readonly corpus: string;
  readonly schema: StoreSchema;
  /** Digests of the manifests that were in force before and after: entries of one chain join up. */
  readonly before: string;
  readonly after: string;
  /** Digest of the commit's shards: the same plan committed again is the same entry. */
  readonly plan: string;
  /** All that the store held afterwards is in this entry's own files. */
  readonly isWhole: boolean;
  readonly files: readonly VectorsRef[];
  /** Lists of ids, as JSON. */
  readonly deleted: readonly BlobRef[];
}

export interface NumberedEntry {
  readonly commit: number;
  readonly entry: VectorsLogEntry;
}

/** Entries in the order of their commits. */
export async function* vectorsLog(blobs: BlobStore): AsyncGenerator<NumberedEntry> {
  for await (const key of blobs.list(layout.vectorsLogPrefix)) {
    const commit = layout.commitOfVectorsLog(key);
    const entry = Number.isNaN(commit) ? undefined : await readJson<VectorsLogEntry>(blobs, key);
    if (entry === undefined) continue;
    if (!isEntry(entry)) throw damaged(key, "damaged");
    yield { commit, entry };
  }
}

/** A file that somebody else wrote, or another version, must not be taken for an empty entry. */
function isEntry(entry: Partial<VectorsLogEntry> | null): boolean {
  return Array.isArray(entry?.files) && Array.isArray(entry.deleted) && entry.schema?.dimensions !== undefined;
}

/** The last entry, without reading the others. */
export async function lastEntry(blobs: BlobStore): Promise<NumberedEntry | undefined> {
  const commit = await lastCommit(blobs);
  const entry = commit === 0 ? undefined : await readJson<VectorsLogEntry>(blobs, layout.vectorsLog(commit));
  return entry === undefined ? undefined : { commit, entry };
}

/** Number of the last commit that was written down; 0 where there is none. */
export async function lastCommit(blobs: BlobStore): Promise<number> {
  let last = 0;
  for await (const key of blobs.list(layout.vectorsLogPrefix)) last = layout.commitOfVectorsLog(key) || last;
  return last;
}

/** Digest of a manifest; empty where it holds nothing. */
export function manifestDigest({ store, pages }: Pick<ManifestHead, "store" | "pages">): string {
  return pages.length === 0 ? "" : sha256(canonicalJson([store, pages.map(({ key }) => key)]));
}
