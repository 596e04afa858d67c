/** A range of a document's text that is a chunk; what is new in it begins at `bodyStart`, after the overlap. */
export interface DraftRange {
  readonly start: number;
  readonly bodyStart: number;
  readonly end: number;
}

/** A range with its own token ids, special tokens included, within the limit. */
export interface FittedRange extends DraftRange {
  readonly tokenIds: Int32Array;
}
