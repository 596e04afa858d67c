import type { Document, FieldMapping, MillraceError, OpenObject, Row } from "@millrace/core";
import { type ParseSettings, parseObject } from "@millrace/workers";

export const noFields: FieldMapping = { text: [], payload: [] };

/** An object in memory; its stream comes in pieces of `pieceSize` bytes. */
export function memoryObject(key: string, content: string | Uint8Array, pieceSize = 65_536): OpenObject {
  const bytes = typeof content === "string" ? Buffer.from(content) : Buffer.from(content);
  return {
    key,
    bytes: bytes.length,
    async *stream() {
      for (let start = 0; start < bytes.length; start += pieceSize) yield bytes.subarray(start, start + pieceSize);
    },
    read: async (start, end) => bytes.subarray(start, end),
    close: async () => undefined,
  };
}

export interface Parsed {
  readonly rows: readonly Row[];
  readonly documents: readonly Document[];
  /** Codes of the rows' errors, by row number. */
  readonly errors: Readonly<Record<number, string>>;
  /** What the object as a whole threw, after its rows. */
  readonly thrown: MillraceError | undefined;
}

/** Parses to the end; what is no MillraceError is thrown on. */
export async function parsed(
  object: OpenObject,
  fields: FieldMapping = noFields,
  settings: ParseSettings = {},
): Promise<Parsed> {
  const rows: Row[] = [];
  let thrown: MillraceError | undefined;
  try {
    for await (const row of parseObject(object, fields, settings)) rows.push(row);
  } catch (error) {
    if ((error as Error).name !== "MillraceError") throw error;
    thrown = error as MillraceError;
  }
  return {
    rows,
    documents: rows.flatMap((row) => ("document" in row ? [row.document] : [])),
    errors: Object.fromEntries(rows.flatMap((row) => ("error" in row ? [[row.row, row.error.code]] : []))),
    thrown,
  };
}

/** The one document of an object that is one. */
export async function documentOf(key: string, content: string | Uint8Array): Promise<Document> {
  const { documents, errors, thrown } = await parsed(memoryObject(key, content));
  const [document] = documents;
  if (document === undefined) throw thrown ?? new Error(`no document: ${JSON.stringify(errors)}`);
  return document;
}
