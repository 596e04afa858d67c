import type { Content } from "./content.js";
import { csv } from "./csv.js";
import { formatNameByExtension } from "./extensions.js";
import { html } from "./html.js";
import { json } from "./json.js";
import { jsonl } from "./jsonl.js";
import { markdown } from "./markdown.js";
import { parquet } from "./parquet.js";
import type { Parser } from "./parser.js";
import { pdf } from "./pdf.js";
import { rst } from "./rst.js";
import { text } from "./text.js";

const parsers: ReadonlyMap<string, Parser> = new Map(
  [csv, html, json, jsonl, markdown, parquet, pdf, rst, text].map((parser) => [parser.name, parser]),
);

/** The extension decides; without a known one the first bytes do. JSON files of one object a line are JSONL. */
export function parserFor(content: Content): Parser {
  const name = formatNameByExtension(content.key) ?? formatNameByBytes(content.head);
  return parsers.get(name === "json" && isJsonLines(content.head) ? "jsonl" : name) ?? text;
}

function formatNameByBytes(head: Buffer): string {
  const start = head.subarray(0, 1024).toString("latin1").trimStart().toLowerCase();
  if (start.startsWith("%pdf-")) return "pdf";
  if (start.startsWith("par1")) return "parquet";
  return /^(?:<\?xml[^>]*>\s*)?<(?:!doctype html|html)[\s>]/.test(start) ? "html" : "text";
}

/** True when the first line is a whole object and another one begins on the next. */
function isJsonLines(head: Buffer): boolean {
  const [first, second] = head.toString("utf8").trimStart().split("\n", 2);
  if (first === undefined || !first.startsWith("{") || !second?.trimStart().startsWith("{")) return false;
  try {
    JSON.parse(first);
    return true;
  } catch {
    return false;
  }
}
