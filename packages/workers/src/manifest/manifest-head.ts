import { type BlobStore, type EngineFacts, type Job, layout, type Summary } from "@millrace/core";
import { readJson, writeJson } from "../blobs/json.js";
import { canonicalJson, sha256 } from "../identity/digest.js";

/** One page of a manifest: JSON lines of `ManifestPart`. Pages are named by their content, so unchanged ones are kept. */
export interface ManifestPageRef {
  readonly key: string;
  readonly firstObject: string;
  readonly lastObject: string;
}

/** Names the pages in force. Replacing this one blob is what commits a job. */
export interface ManifestHead {
  /** Identity of the store this manifest speaks of. */
  readonly store: string;
  readonly corpus: string;
  readonly fingerprint: string;
  /** Digest of how objects were read: after a change of it they are all read again. */
  readonly reading: string;
  readonly pages: readonly ManifestPageRef[];
  readonly objects: number;
  readonly documents: number;
  readonly points: number;
  /** What ran the model for what was encoded since the manifest before. */
  readonly engines?: readonly EngineFacts[];
  /** What the job that put it in force did. */
  readonly summary?: Summary;
}

/** What the manifest in force says of `store`, or of an empty one when it was made for another or not at all. */
export async function readManifestHead(blobs: BlobStore, store: string): Promise<ManifestHead> {
  const head = await readJson<ManifestHead>(blobs, layout.manifestHead);
  return head?.store === store ? head : emptyManifest;
}

/** The manifest in force, whatever store it speaks of; an empty one where there is none. */
export async function readAnyManifestHead(blobs: BlobStore): Promise<ManifestHead> {
  return (await readJson<ManifestHead>(blobs, layout.manifestHead)) ?? emptyManifest;
}

/** Puts a manifest in force, in place of the one before. */
export async function writeManifestHead(blobs: BlobStore, head: ManifestHead): Promise<void> {
  await writeJson(blobs, layout.manifestHead, head);
}

/** Digest of all that decides what documents an object gives, besides its bytes. */
export function readingDigest({ fields, limits }: Job): string {
  return sha256(canonicalJson({ fields, limits }));
}

export const emptyManifest: ManifestHead = {
  store: "",
  corpus: "",
  fingerprint: "",
  reading: "",
  pages: [],
  objects: 0,
  documents: 0,
  points: 0,
};
