import { v5 as uuidV5, validate } from "uuid";

/** Drawn once for this product; every point id descends from it. */
const namespace = "6f6d1c2e-6a0b-5c53-9b1e-2f1a7d3c9e44";

/** Of ids that are no UUIDs. */
const foreignNamespace = "0b9f3f0c-5d5e-5f0a-9d67-3a1e7c7f4b21";

/** Where a chunk comes from. */
export interface ChunkPlace {
  readonly corpus: string;
  readonly object: string;
  readonly document: string;
  readonly ordinal: number;
}

/** UUIDv5 (RFC 9562) over corpus, object key, document key and chunk ordinal: the same chunk has the same id for ever. */
export function pointId({ corpus, object, document, ordinal }: ChunkPlace): string {
  return uuidV5(JSON.stringify([corpus, object, document, ordinal]), namespace);
}

/** The id itself where it is a UUID in its usual spelling, else a UUID made of it: for stores that take nothing else. */
export function asUuid(id: string): string {
  return validate(id) && id === id.toLowerCase() ? id : uuidV5(id, foreignNamespace);
}
