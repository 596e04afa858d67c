import type { Payload } from "@millrace/core";
import { parseDocument } from "yaml";
import { jsonObject } from "./json-value.js";

/** Front matter longer than this is text. */
const maxLength = 128 * 1024;

/** A Markdown text with its front matter taken off: YAML between two lines of `---`. */
export interface FrontMatter {
  readonly fields: Payload;
  /** The text behind it; the whole text where there is no front matter, or it is no YAML mapping. */
  readonly body: string;
}

/** Takes the front matter off. Numbers too large for JSON become strings, as every payload value does. */
export function splitFrontMatter(text: string): FrontMatter {
  const none = { fields: {}, body: text };
  const opening = /^---[ \t]*\r?\n/.exec(text)?.[0];
  if (opening === undefined) return none;
  const rest = text.slice(opening.length, maxLength);
  const closing = /^(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/m.exec(rest);
  if (closing === null) return none;
  const fields = yamlFields(rest.slice(0, closing.index));
  if (fields === undefined) return none;
  return { fields, body: text.slice(opening.length + closing.index + closing[0].length) };
}

function yamlFields(source: string): Payload | undefined {
  try {
    const document = parseDocument(source, { intAsBigInt: true, logLevel: "silent" });
    const value: unknown = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 });
    if (value === null && source.trim() === "") return {};
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return jsonObject(Object.entries(value));
  } catch {
    return undefined;
  }
}
