import type { FieldMapping, Row } from "@millrace/core";
import type { Content } from "./content.js";
import type { ParseLimits } from "./limits.js";

/** What a format needs besides the bytes. */
export interface ParseOptions {
  readonly fields: FieldMapping;
  readonly limits: ParseLimits;
}

/** One format's reader, over bytes that are decompressed already. */
export interface Parser {
  readonly name: string;
  parse(content: Content, options: ParseOptions): AsyncIterable<Row>;
}
