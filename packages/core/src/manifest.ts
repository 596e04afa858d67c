import { type CorpusObject, compareKeys } from "./corpus.js";

/** One document that is in the store. */
export interface ManifestDocument {
  readonly key: string;
  /** Content hash over the document's text, title and payload. */
  readonly hash: string;
  /** Points of this document in the store, ordinals 0 to `chunks` − 1. */
  readonly chunks: number;
}

/**
 * Documents of one object, as they were read. A manifest is a list of parts ordered by object; a large object has
 * several in a row, an object without documents has one that is empty.
 */
export interface ManifestPart {
  readonly object: string;
  /**
   * Version of the object when it was read; "" where reading it failed part-way, and one no listing has where it has
   * bad rows, so that the next run reads it again.
   */
  readonly version: string;
  readonly documents: readonly ManifestDocument[];
}

export type ObjectChange =
  | { readonly kind: "new"; readonly object: CorpusObject }
  | { readonly kind: "changed"; readonly object: CorpusObject }
  | { readonly kind: "unchanged"; readonly object: CorpusObject }
  | { readonly kind: "removed"; readonly key: string };

/** An object's key and the version the store holds, as a manifest lists them. */
export interface KnownObject {
  readonly key: string;
  readonly version: string;
}

/** Merges a source's listing with the manifest's, both ascending by `compareKeys`, holding one item of each. */
export async function* diffListing(
  listing: AsyncIterable<CorpusObject>,
  known: AsyncIterable<KnownObject>,
): AsyncGenerator<ObjectChange> {
  const knownObjects = known[Symbol.asyncIterator]();
  try {
    let old = await knownObjects.next();
    for await (const object of listing) {
      while (!old.done && compareKeys(old.value.key, object.key) < 0) {
        yield { kind: "removed", key: old.value.key };
        old = await knownObjects.next();
      }
      if (old.done || old.value.key !== object.key) {
        yield { kind: "new", object };
        continue;
      }
      yield { kind: old.value.version === object.version ? "unchanged" : "changed", object };
      old = await knownObjects.next();
    }
    for (; !old.done; old = await knownObjects.next()) yield { kind: "removed", key: old.value.key };
  } finally {
    await knownObjects.return?.();
  }
}

/** A run of ordinals of one document whose points must go. */
export interface StalePoints {
  readonly document: string;
  readonly fromOrdinal: number;
  readonly toOrdinal: number;
}

/**
 * Points that the new reading of an object no longer has: whole documents that vanished, and the tails of those that
 * shrank. `fresh` must be the object's complete reading.
 */
export function stalePoints(
  old: Iterable<ManifestDocument>,
  fresh: Iterable<ManifestDocument>,
): readonly StalePoints[] {
  const freshChunks = new Map<string, number>();
  for (const { key, chunks } of fresh) freshChunks.set(key, chunks);
  return [...old].flatMap(({ key, chunks }) => {
    const kept = freshChunks.get(key) ?? 0;
    return kept < chunks ? [{ document: key, fromOrdinal: kept, toOrdinal: chunks }] : [];
  });
}

/** What became of an object at commit: documents to record, and points that must leave the store. */
export interface Reconciled {
  readonly documents: readonly ManifestDocument[];
  readonly stale: readonly StalePoints[];
}

/**
 * Reconciles what the store holds of an object with its new reading. A reading that broke off (`isComplete` false)
 * proves nothing about what it did not reach: those documents stay.
 */
export function reconcileObject(
  old: readonly ManifestDocument[],
  fresh: readonly ManifestDocument[],
  isComplete: boolean,
): Reconciled {
  if (isComplete) return { documents: fresh, stale: stalePoints(old, fresh) };
  const reached = new Set(fresh.map((document) => document.key));
  const unreached = old.filter((document) => !reached.has(document.key));
  const documents = [...fresh, ...unreached];
  return { documents, stale: stalePoints(old, documents) };
}
