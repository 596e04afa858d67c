import { describe, expect, test } from "@jest/globals";
import type { CorpusObject, FieldMapping, Job, OpenObject, RowRange, Source } from "@millrace/core";
import { surveyObject } from "@millrace/workers";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { memoryObject, parsed } from "./objects.ts";

const limits = { maxRowBytes: 200, maxObjectBytes: 1 << 20 };
const withIds: FieldMapping = { id: "id", text: ["text"], payload: ["n"] };
const withoutIds: FieldMapping = { text: ["text"], payload: ["n"] };

/** Surveys an object in memory. */
function rangesOf(object: OpenObject, fields: FieldMapping, bytes: number, most = {}): Promise<readonly RowRange[]> {
  const source: Source = { uri: "memory:", list: async function* () {}, open: async () => object };
  const listed: CorpusObject = { key: object.key, version: "v", bytes: object.bytes };
  const surveying = { source, job: { fields, limits } as Job, onProgress: () => {} };
  return surveyObject(surveying, { object: listed, limits: { bytes, perObject: 100, keys: 10_000, ...most } });
}

/** What reading gives, in a form that can be compared: documents and errors with their rows and whole messages. */
async function readingOf(object: OpenObject, fields: FieldMapping, range?: RowRange) {
  const { rows, thrown } = await parsed(object, fields, { ...limits, range });
  expect(thrown).toBeUndefined();
  return rows.map((row) => ("document" in row ? row : { row: row.row, error: row.error.message }));
}

/** The ranges are adjacent, hold the whole object, and give row for row what the whole gives. */
async function expectSameRows(object: OpenObject, fields: FieldMapping, ranges: readonly RowRange[]): Promise<void> {
  const whole = await readingOf(object, fields);
  const pieces: Awaited<ReturnType<typeof readingOf>>[] = [];
  for (const range of ranges) pieces.push(await readingOf(object, fields, range));
  expect(pieces.flat()).toEqual(whole);
  for (const [index, range] of ranges.entries()) {
    const before = ranges[index - 1] ?? { toRow: 0, toByte: 0 };
    expect([range.fromRow, range.fromByte]).toEqual([before.toRow, before.toByte]);
    expect(range.toByte).toBeGreaterThan(range.fromByte);
  }
  expect([ranges.at(-1)?.toByte, ranges.at(-1)?.toRow]).toEqual([object.bytes, whole.length]);
}

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const goodLine = fc
  .record({ id: fc.nat({ max: 60 }), text, n: fc.nat() })
  .map((row) => Buffer.from(JSON.stringify(row)));
const oddLine = fc.constantFrom<string | Buffer>(
  "",
  " \t",
  "\r",
  "not JSON",
  '{"text": "cut',
  "[1]",
  "null",
  '{"id": 7}',
  '{"text":"no id"}',
  '\ufeff{"id":"marked","text":"a mark within"}',
  Buffer.from([0xff, 0xfe, 0x7b]),
  Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]),
  Buffer.from([0x1f, 0x8b, 0x08]),
  `{"id":"long","text":"${"x".repeat(220)}"}`,
  " ".repeat(220),
  '{"id":"\\ud800","text":"alone"}',
);
const jsonlFile = fc
  .record({
    lines: fc.array(fc.oneof({ weight: 4, arbitrary: goodLine }, { weight: 1, arbitrary: oddLine }), { maxLength: 40 }),
    separator: fc.constantFrom("\n", "\r\n", "\n\n", "\n \t\r\n"),
    mark: fc.boolean(),
    endsInSeparator: fc.boolean(),
  })
  .map(({ lines, separator, mark, endsInSeparator }) => {
    const parts = lines.flatMap((line, index) => {
      const isLast = index === lines.length - 1;
      return [Buffer.from(line as string), Buffer.from(isLast && !endsInSeparator ? "" : separator)];
    });
    return Buffer.concat([Buffer.from(mark ? "\ufeff" : ""), ...parts]);
  });

describe("ranges of JSONL", () => {
  test("give the rows, keys and messages of the whole, whatever the lines, seams and pieces", async () => {
    let cut = 0;
    const shape = fc.record({
      bytes: jsonlFile,
      size: fc.integer({ min: 1, max: 300 }),
      pieceSize: fc.integer({ min: 1, max: 64 }),
      fields: fc.constantFrom(withIds, withoutIds),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ bytes, size, pieceSize, fields }) => {
        const object = memoryObject("a.jsonl", bytes, pieceSize);
        const ranges = await rangesOf(object, fields, size);
        const whole = await parsed(object, fields, limits);
        // Nobody would see a key twice in two ranges.
        if (Object.values(whole.errors).includes("E_ROW_DUPLICATE")) expect(ranges).toEqual([]);
        if (whole.thrown !== undefined) expect(ranges).toEqual([]);
        if (ranges.length === 0) return;
        cut += 1;
        await expectSameRows(object, fields, ranges);
      }),
      { numRuns: 600 },
    );
    expect(cut).toBeGreaterThan(200);
  });

  test("are of about equal size and no more than are allowed", async () => {
    const rows = Array.from({ length: 1_000 }, (_, row) => JSON.stringify({ id: row, text: "words" })).join("\n");
    const object = memoryObject("a.jsonl", rows);
    const sizes = async (bytes: number, perObject: number) =>
      (await rangesOf(object, withIds, bytes, { perObject })).map(({ fromByte, toByte }) => toByte - fromByte);
    for (const [bytes, perObject, expected] of [
      [10_000, 100, Math.ceil(rows.length / 10_000)],
      [100, 7, 7],
      [rows.length - 1, 100, 2],
    ] as const) {
      const found = await sizes(bytes, perObject);
      expect(found).toHaveLength(expected);
      expect(Math.max(...found) - Math.min(...found)).toBeLessThan(40 * expected);
    }
    expect(await sizes(rows.length, 100)).toEqual([]);
  });

  test("are not made where they could not be read alike", async () => {
    const row = (id: unknown) => JSON.stringify({ id, text: "words" });
    const lines = [row(1), row(2), row("3"), row(4)];
    const ranges = (key: string, content: string | Uint8Array, most = {}) =>
      rangesOf(memoryObject(key, content), withIds, 20, most);
    expect(await ranges("a.jsonl", lines.join("\n"))).toHaveLength(4);
    expect(await ranges("a.jsonl", [...lines, row("1")].join("\n"))).toEqual([]);
    expect(await ranges("a.jsonl", [...lines, row("1")].join("\n"), { keys: 4 })).toEqual([]);
    expect(await ranges("a.jsonl", lines.join("\n"), { keys: 3 })).toEqual([]);
    expect(await ranges("a.jsonl", Buffer.from(`\ufeff${lines.join("\n")}`, "utf16le"))).toEqual([]);
    expect(await ranges("a.txt", lines.join("\n"))).toEqual([]);
    expect(await ranges("a.csv", "text\na\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n")).toEqual([]);
    expect(await ranges("a.jsonl", Buffer.alloc(100, 1))).toEqual([]);
    expect(await ranges("a.jsonl.gz", lines.join("\n"))).toEqual([]);
    expect(await ranges("a.jsonl", "")).toEqual([]);
    expect(await ranges("a.jsonl", "\n".repeat(100))).toEqual([]);
  });

  test("a range that has other rows than were counted is a change of the object", async () => {
    const lines = Array.from({ length: 9 }, (_, row) => JSON.stringify({ id: row, text: "words" }));
    const [first] = (await rangesOf(memoryObject("a.jsonl", lines.join("\n")), withIds, 100)) as [RowRange];
    const other = memoryObject("a.jsonl", lines.join("\n").replace("words", "wo\n{}"));
    expect((await parsed(other, withIds, { range: first })).thrown?.code).toBe("E_OBJECT_CHANGED");
  });
});

describe("ranges of Parquet", () => {
  const parquetFile = fc
    .record({
      rows: fc.array(fc.record({ id: fc.oneof(fc.nat({ max: 100_000 }), fc.constant(null)), text: fc.option(text) }), {
        minLength: 1,
        maxLength: 60,
      }),
      rowGroupSize: fc.integer({ min: 1, max: 12 }),
      codec: fc.constantFrom("SNAPPY" as const, "UNCOMPRESSED" as const),
    })
    .map(({ rows, rowGroupSize, codec }) => {
      const columnData = [
        { name: "id", data: rows.map(({ id }) => id), type: "INT32" as const },
        { name: "text", data: rows.map((row) => row.text), type: "STRING" as const },
        { name: "n", data: rows.map((_, row) => row / 2), type: "DOUBLE" as const },
      ];
      return new Uint8Array(parquetWriteBuffer({ codec, rowGroupSize, columnData }));
    });

  test("give the rows, keys and messages of the whole, cut between row groups", async () => {
    let cut = 0;
    const shape = fc.record({
      bytes: parquetFile,
      size: fc.integer({ min: 1, max: 400 }),
      fields: fc.constantFrom(withIds, withoutIds, { ...withIds, id: "nothing" }),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ bytes, size, fields }) => {
        const object = memoryObject("a.parquet", bytes);
        const ranges = await rangesOf(object, fields, size);
        const { errors } = await parsed(object, fields, limits);
        if (Object.values(errors).includes("E_ROW_DUPLICATE")) expect(ranges).toEqual([]);
        if (ranges.length === 0) return;
        cut += 1;
        await expectSameRows(object, fields, ranges);
      }),
      { numRuns: 200 },
    );
    expect(cut).toBeGreaterThan(60);
  });

  test("read the bytes of their own row groups and columns alone", async () => {
    const data = (name: string) => Array.from({ length: 4_000 }, (_, row) => `${name} ${(row * 7919) % 10_007}`);
    const columnData = ["id", "text", "other"].map((name) => ({ name, data: data(name), type: "STRING" as const }));
    const bytes = new Uint8Array(parquetWriteBuffer({ codec: "UNCOMPRESSED", rowGroupSize: 500, columnData }));
    let bytesRead = 0;
    const object = memoryObject("a.parquet", bytes);
    const counting: OpenObject = {
      ...object,
      read: async (start, end) => {
        // The head and the footer are read each time, to know what the file is.
        if (start > 0 && end < bytes.length - 8) bytesRead += end - start;
        return object.read(start, end);
      },
    };
    const fields = { id: "id", text: ["text"], payload: [] };
    const ranges = await rangesOf(counting, fields, bytes.length / 4);
    expect(ranges.length).toBeGreaterThan(2);
    expect(ranges.every(({ fromRow }) => fromRow % 500 === 0)).toBe(true);
    expect(await rangesOf(memoryObject("a.parquet", bytes.subarray(0, -30)), fields, 100)).toEqual([]);
    bytesRead = 0;
    await parsed(counting, { text: ["text"], payload: [] }, { range: ranges[1] as RowRange });
    // One column of three, twice: its pages are looked over before they are decoded.
    const { fromByte, toByte } = ranges[1] as RowRange;
    expect(bytesRead).toBeGreaterThan(0);
    expect(bytesRead).toBeLessThan((toByte - fromByte) * 0.8);
  });
});
