/** One file or one S3 object, as a source lists it. */
export interface CorpusObject {
  /** Path below the source's root, with `/` between segments. */
  readonly key: string;
  /** Changes whenever the bytes may have changed: size and times of a file, ETag of an S3 object. */
  readonly version: string;
  readonly bytes: number;
  /** When it was last modified, in milliseconds since 1970, where the source knows. */
  readonly modified?: number;
}

/** A value that survives a JSON round trip. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What a document carries besides its text: front matter, or the fields the user named. */
export type Payload = { readonly [field: string]: Json };

export const blockKinds = ["heading", "paragraph", "code", "table", "list"] as const;
export type BlockKind = (typeof blockKinds)[number];

/**
 * A structural piece of a document's text. Blocks are in order and do not overlap; whitespace may lie between them.
 * Offsets are in UTF-16 code units of `Document.text`.
 */
export interface Block {
  readonly kind: BlockKind;
  readonly start: number;
  readonly end: number;
  /** 1 to 6, headings only. */
  readonly level?: number;
  /** The heading's words without markup, headings only. */
  readonly title?: string;
}

/** One record in an object: the whole of a Markdown file, one line of a JSONL file. */
export interface Document {
  /** Unique within its object: the id field's value, the row number, or "" where the object is one document. */
  readonly key: string;
  readonly text: string;
  readonly title?: string;
  readonly payload: Payload;
  /** Empty where the format knows no structure; the chunker then finds paragraphs itself. */
  readonly blocks: readonly Block[];
}

/**
 * Orders keys by their Unicode code points, which is the order of their UTF-8 bytes and of an S3 listing.
 * JavaScript's own `<` orders by UTF-16 units and differs above U+FFFF.
 */
export function compareKeys(left: string, right: string): number {
  const shorter = Math.min(left.length, right.length);
  for (let index = 0; index < shorter; index += 1) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return codePointRank(a) - codePointRank(b);
  }
  return left.length - right.length;
}

/** Surrogates (U+D800–DFFF) stand for code points above U+FFFF, so they rank after U+E000–FFFF. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
