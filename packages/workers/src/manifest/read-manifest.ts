import {
  type BlobStore,
  compareKeys,
  type KnownObject,
  layout,
  type ManifestDocument,
  type ManifestPart,
} from "@millrace/core";
import { getBlob, parseJson } from "../blobs/json.js";
import type { ManifestHead } from "./manifest-head.js";
import { joinVersions } from "./version.js";

/** What a manifest says of one object, its parts joined. */
export interface ManifestObject {
  readonly object: string;
  readonly version: string;
  readonly documents: readonly ManifestDocument[];
}

/** Objects in `compareKeys` order, strictly after `after`; holds one page and one object in memory. */
export async function* manifestObjects(
  blobs: BlobStore,
  head: ManifestHead,
  after?: string,
): AsyncGenerator<ManifestObject> {
  yield* joinParts(manifestParts(blobs, head, after));
}

/** The same as bare keys and versions, for a listing to be compared with. */
export async function* knownObjects(blobs: BlobStore, head: ManifestHead, after?: string): AsyncGenerator<KnownObject> {
  let last: string | undefined;
  for await (const { object, version } of manifestParts(blobs, head, after)) {
    if (object !== last) yield { key: object, version };
    last = object;
  }
}

/** Documents of one object; empty when the manifest does not know it. */
export async function documentsOf(
  blobs: BlobStore,
  head: ManifestHead,
  object: string,
): Promise<readonly ManifestDocument[]> {
  const holds = head.pages.filter(
    (page) => compareKeys(page.firstObject, object) <= 0 && compareKeys(object, page.lastObject) <= 0,
  );
  const documents: ManifestDocument[] = [];
  for await (const part of manifestParts(blobs, { ...head, pages: holds })) {
    if (part.object === object) for (const document of part.documents) documents.push(document);
  }
  return documents;
}

/** Joins parts of the same object that stand next to each other; a part that broke off, or has bad rows, marks the whole. */
export async function* joinParts(parts: AsyncIterable<ManifestPart>): AsyncGenerator<ManifestObject> {
  let joined: { object: string; version: string; documents: ManifestDocument[] } | undefined;
  for await (const { object, version, documents } of parts) {
    if (joined?.object !== object) {
      if (joined !== undefined) yield joined;
      joined = { object, version, documents: [...documents] };
      continue;
    }
    for (const document of documents) joined.documents.push(document);
    joined.version = joinVersions(joined.version, version);
  }
  if (joined !== undefined) yield joined;
}

async function* manifestParts(blobs: BlobStore, head: ManifestHead, after?: string): AsyncGenerator<ManifestPart> {
  for (const { key, lastObject } of head.pages) {
    if (after !== undefined && compareKeys(lastObject, after) <= 0) continue;
    const bytes = await getBlob(blobs, { key, sha256: layout.digestOfManifestPage(key) });
    for (const line of Buffer.from(bytes).toString("utf8").split("\n")) {
      if (line === "") continue;
      const part = parseJson<ManifestPart>(line, key);
      if (after === undefined || compareKeys(part.object, after) > 0) yield part;
    }
  }
}
