import type { FieldMapping, RangeCutter, Row, RowRange } from "@millrace/core";
import type { Content } from "./content.js";
import type { DistinctKeys } from "./distinct-keys.js";
import type { ParseLimits } from "./limits.js";

/** What a format needs besides the bytes. */
export interface ParseOptions {
  readonly fields: FieldMapping;
  readonly limits: ParseLimits;
  /** Only these rows, of an object whose survey cut it there; they are numbered as in the whole. */
  readonly range?: RowRange;
}

/** What a survey needs besides the bytes. */
export interface SurveyOptions extends ParseOptions {
  readonly cutter: RangeCutter;
  /** Takes each row's key where the mapping names an id field. */
  readonly keys: DistinctKeys;
  /** A sign of life. */
  readonly onProgress: () => void;
}

/** One format's reader, over bytes that are decompressed already. */
export interface Parser {
  readonly name: string;
  parse(content: Content, options: ParseOptions): AsyncIterable<Row>;
  /**
   * Cuts an object that is not compressed into ranges, each of which `parse` reads as it would within the whole; undefined
   * where the object can only be read from front to back. A format without it is never cut.
   */
  survey?(content: Content, options: SurveyOptions): Promise<readonly RowRange[] | undefined>;
}
