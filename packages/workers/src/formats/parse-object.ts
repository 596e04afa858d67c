import {
  asMillraceError,
  type FieldMapping,
  type Format,
  MillraceError,
  type OpenObject,
  type Row,
  type RowRange,
} from "@millrace/core";
import { type Content, openContent } from "./content.js";
import { defaultLimits, type ParseLimits } from "./limits.js";
import type { ParseOptions, Parser } from "./parser.js";
import { parserFor } from "./registry.js";

/** Limits, where others than the usual ones are meant, and the range where not the whole object is. */
export interface ParseSettings extends Partial<ParseLimits> {
  readonly range?: RowRange | undefined;
}

/**
 * Rows of an object, whatever its compression and format. Rows are numbered from 0 in the object's order; a bad row, and
 * one whose document key came before, is yielded as an error. Opened objects stay open.
 * @throws an object-scoped MillraceError when nothing more can be read; the rows before it have been yielded.
 */
export async function* parseObject(
  object: OpenObject,
  fields: FieldMapping,
  { range, ...limits }: ParseSettings = {},
): AsyncGenerator<Row> {
  const allLimits = { ...defaultLimits, ...limits };
  const content = await openContent(object, allLimits);
  const options = { fields, limits: allLimits, ...(range === undefined ? {} : { range }) };
  yield* parseContent(await parserFor(content), content, options);
}

/** The format of an object: by its extension, else by what its bytes begin with; anything else is text. */
export async function formatFor(object: OpenObject): Promise<Format> {
  const parser = await parserFor(await openContent(object, defaultLimits));
  return {
    name: parser.name,
    async *parse(opened, fields) {
      const content = await openContent(opened, defaultLimits);
      yield* parseContent(parser, content, { fields, limits: defaultLimits });
    },
  };
}

async function* parseContent(parser: Parser, content: Content, options: ParseOptions): AsyncGenerator<Row> {
  const keys = new Set<string>();
  try {
    for await (const row of parser.parse(content, options)) {
      // Row numbers are distinct by themselves: only keys that come from the data need remembering.
      if (options.fields.id === undefined || "error" in row) yield row;
      else if (!keys.has(row.document.key)) {
        keys.add(row.document.key);
        yield row;
      } else yield { row: row.row, error: duplicateError(row.document.key, content.key) };
    }
  } catch (error) {
    throw asMillraceError(error, "E_OBJECT_FORMAT", `"${content.key}" cannot be read as ${parser.name}`);
  }
}

function duplicateError(documentKey: string, objectKey: string): MillraceError {
  return new MillraceError("E_ROW_DUPLICATE", `A row of "${objectKey}" is left out`, {
    why: `an earlier row has the id "${documentKey.slice(0, 40)}" too`,
    fix: "Make the ids distinct, or name another id field.",
  });
}
