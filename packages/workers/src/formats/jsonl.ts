import { isUtf8 } from "node:buffer";
import { MillraceError, type Row } from "@millrace/core";
import type { Content } from "./content.js";
import { assertText, firstInvalidByte, utf8Stream } from "./decode.js";
import { type Fields, rowOf } from "./fields.js";
import { jsonProblem } from "./json-problem.js";
import { type Line, LineSplitter } from "./lines.js";
import type { ParseOptions, Parser } from "./parser.js";

/** One JSON object a line; blank lines are no rows. */
export const jsonl: Parser = { name: "jsonl", parse };

async function* parse(content: Content, { fields, limits }: ParseOptions): AsyncGenerator<Row> {
  assertText(content.head, content.key, { allowsNul: true });
  const lines = new LineSplitter(limits.maxRowBytes);
  let row = 0;
  const rowOfLine = (line: Line): Row => {
    const value = fieldsOfLine(line, limits.maxRowBytes);
    return value instanceof MillraceError ? { row, error: value } : rowOf(value, row, fields);
  };
  for await (const chunk of utf8Stream(content.stream())) {
    for (const line of lines.push(chunk)) {
      if (isBlank(line)) continue;
      yield rowOfLine(line);
      row += 1;
    }
  }
  const last = lines.end();
  if (last !== undefined && !isBlank(last)) yield rowOfLine(last);
}

function isBlank({ bytes }: Line): boolean {
  return bytes?.every((byte) => byte === 32 || byte === 13 || byte === 9) ?? false;
}

function fieldsOfLine(line: Line, maxBytes: number): Fields | MillraceError {
  if (line.bytes === undefined) return tooLarge(line, maxBytes);
  if (!isUtf8(line.bytes)) return notUtf8(line.number, line.bytes);
  const text = line.bytes.toString("utf8");
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  } catch {
    return parseError(`line ${line.number}, ${jsonProblem(text)}`);
  }
  return parseError(`line ${line.number} is not an object`);
}

function parseError(why: string): MillraceError {
  return new MillraceError("E_ROW_PARSE", "The row is not JSON", { why, fix: "Correct the line." });
}

function tooLarge({ number, length }: Line, maxBytes: number): MillraceError {
  return new MillraceError("E_ROW_TOO_LARGE", `Line ${number} is left out`, {
    why: `it has ${length} bytes and the limit is ${maxBytes}`,
    fix: "Check that the file has one JSON object a line.",
  });
}

function notUtf8(number: number, bytes: Buffer): MillraceError {
  return new MillraceError("E_ROW_ENCODING", `Line ${number} is not valid UTF-8`, {
    why: `byte ${firstInvalidByte(bytes) + 1} of the line begins no character`,
    fix: "Convert the file to UTF-8.",
  });
}
