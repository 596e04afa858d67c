import { v5 as uuidV5 } from "uuid";

/** Drawn once for this product; every point id descends from it. */
const namespace = "6f6d1c2e-6a0b-5c53-9b1e-2f1a7d3c9e44";

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
