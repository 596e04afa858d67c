import type { Content } from "./content.js";
import { formatNameByExtension } from "./extensions.js";
import type { Parser } from "./parser.js";

/** Parsers bring libraries that take longer to load than a query to answer: each is loaded when the first object needs it. */
const parsers: Readonly<Record<string, () => Promise<Parser>>> = {
  csv: async () => (await import("./csv.js")).csv,
  html: async () => (await import("./html.js")).html,
  json: async () => (await import("./json.js")).json,
  jsonl: async () => (await import("./jsonl.js")).jsonl,
  markdown: async () => (await import("./markdown.js")).markdown,
  parquet: async () => (await import("./parquet.js")).parquet,
  pdf: async () => (await import("./pdf.js")).pdf,
  rst: async () => (await import("./rst.js")).rst,
};
const text = async (): Promise<Parser> => (await import("./text.js")).text;

/** The extension decides; without a known one the first bytes do. JSON files of one object a line are JSONL. */
export function parserFor(content: Content): Promise<Parser> {
  const name = formatNameByExtension(content.key) ?? formatNameByBytes(content.head);
  return (parsers[name === "json" && isJsonLines(content.head) ? "jsonl" : name] ?? text)();
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
