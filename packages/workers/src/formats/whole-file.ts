import { type Document, MillraceError, type Row } from "@millrace/core";
import { type Content, collect } from "./content.js";
import type { ParseLimits } from "./limits.js";

/** A file that is one document: row 0, or why there is none. @throws what concerns the object as a whole */
export async function* oneDocument(
  content: Content,
  limits: ParseLimits,
  make: (bytes: Buffer) => Document | Promise<Document>,
): AsyncGenerator<Row> {
  yield await rowOfFile(content, limits, make);
}

async function rowOfFile(
  content: Content,
  limits: ParseLimits,
  make: (bytes: Buffer) => Document | Promise<Document>,
): Promise<Row> {
  try {
    return { row: 0, document: await make(await collect(content, limits.maxObjectBytes)) };
  } catch (error) {
    if (error instanceof MillraceError && error.facts.scope === "row") return { row: 0, error };
    throw error;
  }
}
