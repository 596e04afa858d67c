import { isUtf8 } from "node:buffer";
import { MillraceError, type Row, type RowRange } from "@millrace/core";
import { type Content, rangeStream } from "./content.js";
import { assertText, firstInvalidByte, markLength, utf8Stream, utf16Of } from "./decode.js";
import { type Fields, keyIn, rowOf } from "./fields.js";
import { jsonProblem } from "./json-problem.js";
import { type Line, LineSplitter } from "./lines.js";
import type { ParseOptions, Parser, SurveyOptions } from "./parser.js";

/** One JSON object a line; blank lines are no rows. */
export const jsonl: Parser = { name: "jsonl", parse, survey };

async function* parse(content: Content, { fields, limits, range }: ParseOptions): AsyncGenerator<Row> {
  assertText(content.head, content.key, { allowsNul: true });
  const lines = new LineSplitter(limits.maxRowBytes, range?.fromLine);
  let row = range?.fromRow ?? 0;
  const rowOfLine = (line: Line): Row => {
    const value = fieldsOfLine(line, limits.maxRowBytes);
    return value instanceof MillraceError ? { row, error: value } : rowOf(value, row, fields);
  };
  for await (const chunk of utf8Of(content, range)) {
    for (const line of lines.push(chunk)) {
      if (isBlank(line)) continue;
      yield rowOfLine(line);
      row += 1;
    }
  }
  const last = lines.end();
  if (last !== undefined && !isBlank(last)) {
    yield rowOfLine(last);
    row += 1;
  }
  if (range !== undefined && row !== range.toRow) throw otherRows(content.key, range, row);
}

/** Only what begins the object can be a byte order mark. */
function utf8Of(content: Content, range: RowRange | undefined): AsyncIterable<Buffer> {
  if (range === undefined) return utf8Stream(content.stream());
  const stream = rangeStream(content, range);
  return range.fromByte === 0 ? utf8Stream(stream) : stream;
}

/** Cuts at line starts, counting rows and lines as `parse` does. UTF-16 is not cut: its lines are known only decoded. */
async function survey(content: Content, options: SurveyOptions): Promise<readonly RowRange[] | undefined> {
  const { fields, limits, cutter, keys, onProgress } = options;
  assertText(content.head, content.key, { allowsNul: true });
  if (utf16Of(content.head) !== undefined) return undefined;
  const lines = new LineSplitter(limits.maxRowBytes);
  const at = { row: 0, byte: markLength(content.head), line: 0 };
  const isDistinct = (line: Line): boolean => {
    if (cutter.isDueAt(at.row, at.byte)) cutter.cutAt({ ...at });
    at.byte += line.length + 1;
    at.line += 1;
    if (isBlank(line)) return true;
    at.row += 1;
    const key = fields.id === undefined ? undefined : keyOfLine(line, fields.id);
    return key === undefined || keys.add(key);
  };
  for await (const chunk of utf8Stream(content.stream())) {
    onProgress();
    for (const line of lines.push(chunk)) if (!isDistinct(line)) return undefined;
  }
  const last = lines.end();
  if (last !== undefined && !isDistinct(last)) return undefined;
  return cutter.endAt({ ...at, byte: content.stored?.bytes ?? at.byte });
}

/** Undefined where the line makes no document. */
function keyOfLine({ bytes }: Line, idField: string): string | undefined {
  if (bytes === undefined || !isUtf8(bytes)) return undefined;
  try {
    return keyIn(JSON.parse(bytes.toString("utf8")), idField);
  } catch {
    return undefined;
  }
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

/** A source that cannot hold on to the version it listed. */
function otherRows(key: string, { fromRow, toRow }: RowRange, row: number): MillraceError {
  return new MillraceError("E_OBJECT_CHANGED", `"${key}" changed after it was planned`, {
    why: `${toRow - fromRow} rows were counted in a part of it that has ${row - fromRow}`,
  });
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
