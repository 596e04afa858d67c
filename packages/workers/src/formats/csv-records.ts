import { type Line, LineSplitter } from "./lines.js";

/** A record's bytes without the last line feed; `bytes` is undefined where there is none to parse, for the reason given. */
export interface CsvRecord {
  /** Line it begins at, from 1. */
  readonly number: number;
  readonly bytes: Buffer | undefined;
  readonly problem?: "too large" | "unclosed quote";
}

/**
 * Cuts CSV into records: a line feed ends one unless a quote is open, which an odd number of quotes tells. Where the
 * quote is not closed within `maxBytes`, or at all, its line alone is given up and the lines behind it are read again.
 */
export class CsvRecordSplitter {
  readonly #lines: LineSplitter;
  readonly #maxBytes: number;
  #open: Line[] = [];
  #openBytes = 0;

  constructor(maxBytes: number) {
    this.#lines = new LineSplitter(maxBytes);
    this.#maxBytes = maxBytes;
  }

  *push(chunk: Buffer): Generator<CsvRecord> {
    for (const line of this.#lines.push(chunk)) yield* this.#add(line);
  }

  *end(): Generator<CsvRecord> {
    const last = this.#lines.end();
    if (last !== undefined) yield* this.#add(last);
    while (this.#open.length > 0) yield* this.#giveUpFirstLine();
  }

  /** Cuts a broken record again without its first line, and with it all that came behind it. */
  *again(broken: CsvRecord, behind: readonly CsvRecord[]): Generator<CsvRecord> {
    const open = this.#open;
    this.#open = [];
    this.#openBytes = 0;
    for (const line of linesOf(broken).slice(1)) yield* this.#add(line);
    for (const record of behind) {
      if (record.bytes !== undefined) for (const line of linesOf(record)) yield* this.#add(line);
      else yield* this.#giveUpOpen(record);
    }
    for (const line of open) yield* this.#add(line);
  }

  *#add(line: Line): Generator<CsvRecord> {
    if (line.bytes === undefined) {
      yield* this.#giveUpOpen({ number: line.number, bytes: undefined, problem: "too large" });
      return;
    }
    const isOdd = countQuotes(line.bytes) % 2 === 1;
    if (this.#open.length === 0 && !isOdd) {
      if (!isBlank(line.bytes)) yield { number: line.number, bytes: withoutReturn(line.bytes) };
      return;
    }
    const isClosing = this.#open.length > 0 && isOdd;
    this.#open.push(line);
    this.#openBytes += line.length + 1;
    if (isClosing) yield this.#takeOpen();
    else if (this.#openBytes > this.#maxBytes) yield* this.#giveUpFirstLine();
  }

  /** A record that cannot be parsed ends whatever quote is open before it. */
  *#giveUpOpen(unreadable: CsvRecord): Generator<CsvRecord> {
    while (this.#open.length > 0) yield* this.#giveUpFirstLine();
    yield unreadable;
  }

  #takeOpen(): CsvRecord {
    const [first] = this.#open as [Line];
    const bytes = Buffer.concat(
      this.#open.flatMap((line, index) => [lineFeed.subarray(index === 0 ? 1 : 0), line.bytes as Buffer]),
    );
    this.#open = [];
    this.#openBytes = 0;
    return { number: first.number, bytes: withoutReturn(bytes) };
  }

  *#giveUpFirstLine(): Generator<CsvRecord> {
    const [first, ...others] = this.#open as [Line, ...Line[]];
    this.#open = [];
    this.#openBytes = 0;
    yield { number: first.number, bytes: undefined, problem: "unclosed quote" };
    for (const line of others) yield* this.#add(line);
  }
}

const lineFeed = Buffer.from("\n");

function linesOf({ number, bytes }: CsvRecord): readonly Line[] {
  const splitter = new LineSplitter(Number.POSITIVE_INFINITY);
  const lines = [...splitter.push(bytes ?? lineFeed), splitter.end()].filter((line) => line !== undefined);
  return lines.map((line) => ({ ...line, number: line.number + number - 1 }));
}

/** Lines may end in a carriage return and a line feed. */
function withoutReturn(bytes: Buffer): Buffer {
  return bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes;
}

function countQuotes(bytes: Buffer): number {
  let count = 0;
  for (let index = bytes.indexOf(34); index >= 0; index = bytes.indexOf(34, index + 1)) count += 1;
  return count;
}

function isBlank(bytes: Buffer): boolean {
  return bytes.length === 0 || (bytes.length === 1 && bytes[0] === 13);
}
