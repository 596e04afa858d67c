import { describe, expect, test } from "@jest/globals";
import type { PointRecord } from "@millrace/core";
import { type BatchRow, encodeBatchFile, encodeVectorsFile, openBatchFile, openVectorsFile } from "@millrace/workers";
import fc from "fast-check";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom("", "\ud83d", "\ude00 second half", "first half \ud83d", "\u0000", "x".repeat(70_000)),
);
const row: fc.Arbitrary<BatchRow> = fc.record({
  record: fc.record({
    id: text,
    corpus: text,
    path: text,
    document: text,
    ordinal: fc.nat(),
    start: fc.nat(),
    end: fc.nat(),
    title: text,
    headings: fc.array(text, { maxLength: 3 }),
    text,
    payload: fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<never>, { noNullPrototype: true, maxKeys: 3 }),
  }),
  tokenIds: fc
    .array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 9 })
    .map((ids) => Int32Array.from(ids)),
});
const dimensions = 3;

/** Half a surrogate pair has no UTF-8; everything else comes back as it went. */
function wellFormed({ headings, payload, ...record }: PointRecord): PointRecord {
  const texts = Object.entries(record).map(([name, value]) => [
    name,
    typeof value === "string" ? value.toWellFormed() : value,
  ]);
  return { ...Object.fromEntries(texts), headings, payload: JSON.parse(JSON.stringify(payload)) };
}

describe("Arrow files", () => {
  test("give back every field of every row, and the vectors bit for bit", () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 12 }), (rows) => {
        const { table, tokenIds } = openBatchFile(encodeBatchFile(rows));
        expect(tokenIds).toEqual(rows.map((row) => row.tokenIds));
        const vectors = Float32Array.from({ length: rows.length * dimensions }, (_, index) => Math.sin(index));
        const opened = openVectorsFile(encodeVectorsFile(table, vectors, dimensions));
        expect(opened.records).toEqual(rows.map(({ record }) => wellFormed(record)));
        expect(opened.vectors).toEqual(vectors);
      }),
      { numRuns: 150 },
    );
  });

  test("show their columns by name to any reader", () => {
    const record = { id: "i", corpus: "c", path: "p", document: "d", ordinal: 1, start: 2, end: 3, title: "t" };
    const rows = [{ record: { ...record, headings: ["h"], text: "x", payload: { a: 1 } }, tokenIds: Int32Array.of(7) }];
    const { table } = openBatchFile(encodeBatchFile(rows));
    expect(table.schema.fields.map(({ name, type }) => `${name}: ${type}`)).toEqual([
      "id: Utf8",
      "corpus: Utf8",
      "path: Utf8",
      "document: Utf8",
      "ordinal: Int32",
      "start: Int32",
      "end: Int32",
      "title: Utf8",
      "headings: Utf8",
      "text: Utf8",
      "payload: Utf8",
      "token_ids: List<Int32>",
    ]);
  });
});
