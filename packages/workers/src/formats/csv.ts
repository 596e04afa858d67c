import { isUtf8 } from "node:buffer";
import { type FieldMapping, MillraceError, type Row } from "@millrace/core";
import { parse as parseCells } from "csv-parse/sync";
import type { Content } from "./content.js";
import { type CsvRecord, CsvRecordSplitter } from "./csv-records.js";
import { assertText, firstInvalidByte, utf8Stream } from "./decode.js";
import { rowOf } from "./fields.js";
import type { ParseOptions, Parser } from "./parser.js";

/**
 * Separated by comma, semicolon, tab or bar, with a header row; quotes as in RFC 4180. Empty lines are no rows. A row
 * may have fewer cells than the header, not more.
 */
export const csv: Parser = { name: "csv", parse };

async function* parse(content: Content, { fields, limits }: ParseOptions): AsyncGenerator<Row> {
  assertText(content.head, content.key, { allowsNul: true });
  const splitter = new CsvRecordSplitter(limits.maxRowBytes);
  const reader = new RowReader(content, splitter, fields);
  for await (const chunk of utf8Stream(content.stream())) yield* reader.rows(splitter.push(chunk));
  yield* reader.rows(splitter.end());
}

/** Makes rows of records; the first record is the header. */
class RowReader {
  readonly #key: string;
  readonly #delimiter: string;
  readonly #splitter: CsvRecordSplitter;
  readonly #mapping: FieldMapping;
  #header: readonly string[] | undefined;
  #row = 0;

  constructor(content: Content, splitter: CsvRecordSplitter, mapping: FieldMapping) {
    this.#key = content.key;
    this.#delimiter = delimiterOf(content.head);
    this.#splitter = splitter;
    this.#mapping = mapping;
  }

  /** Takes records as they come: a broken one sends those behind it back to be cut again. */
  *rows(records: Iterator<CsvRecord>): Generator<Row> {
    let batchSize = 1;
    let queue: CsvRecord[] = [];
    while (topUp(queue, batchSize, records) > 0) {
      if (this.#header === undefined) this.#header = this.#headerOf(queue.shift() as CsvRecord);
      const batch = queue.splice(0, batchSize);
      const cells = cellsOfAll(batch, this.#delimiter);
      if (cells === undefined) queue = yield* this.#rowsOneByOne([...batch, ...queue]);
      else for (const values of cells) yield this.#rowOf(values);
      // Where one record is broken others are likely to be: parsing them together would be in vain.
      batchSize = cells === undefined ? 1 : Math.min(batchSize * 2, maxBatchSize);
    }
  }

  /** Returns the records that are still to be read. */
  *#rowsOneByOne(records: readonly CsvRecord[]): Generator<Row, CsvRecord[]> {
    for (const [index, record] of records.entries()) {
      const cells = cellsOf(record, this.#delimiter);
      if (!(cells instanceof MillraceError)) yield this.#rowOf(cells);
      else {
        yield { row: this.#row++, error: cells };
        // A stray quote may have swallowed the lines behind it up to the next one.
        if (record.bytes?.includes(10) === true) return [...this.#splitter.again(record, records.slice(index + 1))];
      }
    }
    return [];
  }

  #rowOf(cells: readonly string[]): Row {
    const row = this.#row++;
    const header = this.#header as readonly string[];
    if (cells.length <= header.length) {
      return rowOf(Object.fromEntries(cells.map((cell, index) => [header[index], cell])), row, this.#mapping);
    }
    const why = `it has ${cells.length} cells and the header ${header.length}`;
    return {
      row,
      error: new MillraceError("E_ROW_PARSE", `Row ${row} does not fit the header`, {
        why,
        fix: "Quote cells that hold the separator.",
      }),
    };
  }

  #headerOf(record: CsvRecord): readonly string[] {
    const cells = cellsOf(record, this.#delimiter);
    const problem = cells instanceof MillraceError ? cells.message : macLineEnds(cells);
    if (problem === undefined) return cells as readonly string[];
    throw new MillraceError("E_OBJECT_FORMAT", `"${this.#key}" has no CSV header`, {
      why: problem,
      fix: "Begin the file with a row of column names.",
    });
  }
}

/** Records parsed by one call of the library at most. */
const maxBatchSize = 64;

/** Fills the queue up to `count` records and returns how many it has. */
function topUp(queue: CsvRecord[], count: number, records: Iterator<CsvRecord>): number {
  while (queue.length < count) {
    const next = records.next();
    if (next.done === true) break;
    queue.push(next.value);
  }
  return queue.length;
}

function macLineEnds(header: readonly string[]): string | undefined {
  return header.some((name) => name.includes("\r")) ? "its lines end in carriage returns alone" : undefined;
}

/** Cells of all records at once, undefined where one of them has an error: they are then to be read one by one. */
function cellsOfAll(records: readonly CsvRecord[], delimiter: string): readonly (readonly string[])[] | undefined {
  if (records.length === 0) return [];
  const pieces = records.map(({ bytes }) => bytes);
  if (!pieces.every((piece) => piece !== undefined)) return undefined;
  const bytes = Buffer.concat(pieces.flatMap((piece) => [piece, lineFeed]));
  try {
    const rows = isUtf8(bytes) ? readCells(bytes, delimiter) : [];
    return rows.length === records.length ? rows : undefined;
  } catch {
    return undefined;
  }
}

const lineFeed = Buffer.from("\n");

function cellsOf({ number, bytes, problem }: CsvRecord, delimiter: string): readonly string[] | MillraceError {
  if (problem === "too large") return recordError("E_ROW_TOO_LARGE", number, "it is larger than the limit");
  if (bytes === undefined) return recordError("E_ROW_PARSE", number, "a quote is opened and never closed");
  if (!isUtf8(bytes))
    return recordError("E_ROW_ENCODING", number, `its byte ${firstInvalidByte(bytes) + 1} is not UTF-8`);
  try {
    const [cells, ...others] = readCells(bytes, delimiter);
    if (cells !== undefined && others.length === 0) return cells;
  } catch {
    // The library's messages quote the cell; the line number says as much.
  }
  return recordError("E_ROW_PARSE", number, "a quote stands inside a cell, or text behind a closing quote");
}

function readCells(bytes: Buffer, delimiter: string): string[][] {
  return parseCells(bytes, {
    delimiter,
    record_delimiter: ["\r\n", "\n"],
    relax_column_count: true,
    skip_empty_lines: true,
  });
}

function recordError(code: "E_ROW_PARSE" | "E_ROW_ENCODING" | "E_ROW_TOO_LARGE", number: number, why: string) {
  return new MillraceError(code, `The record at line ${number} cannot be read`, { why, fix: "Correct the line." });
}

/** What stands most often in the header outside quotes; a comma where nothing does. */
function delimiterOf(head: Buffer): string {
  const header = (head.toString("utf8").split("\n", 1)[0] as string).replaceAll(/"[^"]*"/g, "");
  const counts = [",", ";", "\t", "|"].map((delimiter) => ({ delimiter, count: header.split(delimiter).length }));
  return counts.reduce((best, candidate) => (candidate.count > best.count ? candidate : best)).delimiter;
}
