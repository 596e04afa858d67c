import type { Document } from "./corpus.js";
import type { MillraceError } from "./errors.js";
import type { OpenObject } from "./source.js";

/** Which fields of a structured row (JSONL, JSON, CSV, Parquet) make a document. */
export interface FieldMapping {
  /** Field whose value is the document's key. Without it the key is the row's number in its object, from 0. */
  readonly id?: string;
  /** Fields joined by one space, in this order, to make the text; absent or null ones are left out. */
  readonly text: readonly string[];
  /** A row without any of them has no text, instead of being an error; where none is named either, all fields are payload. */
  readonly isTextOptional?: boolean;
  readonly title?: string;
  /** Fields kept as payload; `["*"]` keeps every field that is not part of the text. */
  readonly payload: readonly string[];
}

/** What a parser yields: a document, or the reason why there is none at that place. */
export type Row =
  | { readonly row: number; readonly document: Document }
  | { readonly row: number; readonly error: MillraceError };

/** Turns one object into rows, streaming. */
export interface Format {
  readonly name: string;
  /**
   * Rows in the object's order, numbered from 0. A bad row is yielded as an error and parsing goes on.
   * @throws an object-scoped MillraceError when nothing more can be read.
   */
  parse(object: OpenObject, fields: FieldMapping): AsyncIterable<Row>;
}
