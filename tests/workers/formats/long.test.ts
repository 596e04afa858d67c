import { gzipSync, zstdCompressSync } from "node:zlib";
import { beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { memoryObject, parsed } from "./objects.ts";

const rows = Array.from({ length: 30 }, (_, row) => ({
  id: `k${row}`,
  text: `some words ${row} "é" 🦉`,
  n: [row, null],
}));
const jsonl = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
const csv = Buffer.from(
  `id,text\n${rows.map(({ id, text }) => `${id},"${text.replaceAll('"', '""')}\nmore"\n`).join("")}`,
);
const parquet = (codec: "SNAPPY" | "UNCOMPRESSED") =>
  Buffer.from(
    parquetWriteBuffer({
      codec,
      rowGroupSize: 20,
      columnData: [
        { name: "id", data: rows.map(({ id }) => id), type: "STRING" },
        { name: "text", data: rows.map(({ text }, row) => (row % 5 === 0 ? null : text)), type: "STRING" },
        { name: "n", data: rows.map((_, row) => row % 3), type: "INT32" },
      ],
    }),
  );

const samples: readonly (readonly [string, Buffer])[] = [
  ["a.jsonl", jsonl],
  ["a.json", Buffer.from(JSON.stringify(rows))],
  ["a.csv", csv],
  ["a.jsonl.gz", Buffer.concat([gzipSync(jsonl), gzipSync(jsonl)])],
  ["a.jsonl.zst", Buffer.concat([zstdCompressSync(jsonl), zstdCompressSync(jsonl)])],
  ["a.parquet", parquet("SNAPPY")],
  ["a.parquet", parquet("UNCOMPRESSED")],
  ["a.md", Buffer.from("---\ntitle: x\n---\n# A\n\n- b\n\n|a|b|\n|-|-|\n")],
  ["a.html", Buffer.from("<title>x</title><h1>A</h1><ul><li>b</ul><pre>c</pre>")],
  ["a.rst", Buffer.from("A\n===\n\ntext::\n\n  code\n")],
];

type Mutation = (bytes: Buffer) => Buffer;

/** What disks, networks and attackers do to a file: bits, runs of extreme bytes, cuts, doubled and exchanged ranges. */
const mutation: fc.Arbitrary<Mutation> = fc
  .record({
    kind: fc.constantFrom("flip", "set", "cut", "drop", "double", "insert", "number"),
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    length: fc.integer({ min: 1, max: 40 }),
    byte: fc.constantFrom(0, 1, 0x0a, 0x22, 0x2c, 0x5c, 0x7b, 0x7f, 0x80, 0xc0, 0xfe, 0xff),
  })
  .map(({ kind, at, length, byte }) => (bytes) => {
    const start = Math.floor(at * bytes.length);
    const [before, range, after] = [
      bytes.subarray(0, start),
      bytes.subarray(start, start + length),
      bytes.subarray(start + length),
    ];
    if (kind === "flip")
      return Buffer.from(bytes.map((value, index) => (index === start ? value ^ (1 << (length % 8)) : value)));
    if (kind === "set") return Buffer.concat([before, Buffer.alloc(range.length, byte), after]);
    if (kind === "cut") return Buffer.from(before);
    if (kind === "drop") return Buffer.concat([before, after]);
    if (kind === "double") return Buffer.concat([before, range, range, after]);
    if (kind === "insert") return Buffer.concat([before, Buffer.alloc(length, byte), bytes.subarray(start)]);
    return Buffer.concat([before, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), bytes.subarray(start + 5)]);
  });

let prototypeNames: readonly string[];

beforeAll(() => {
  prototypeNames = Object.getOwnPropertyNames(Object.prototype);
});

test.each(samples)("%s, damaged: rows or an error with a code, and no other harm", async (key, bytes) => {
  const limits = { maxRowBytes: 2 ** 20, maxObjectBytes: 2 ** 22 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 3000 }),
      async (mutations, pieceSize) => {
        const damaged = mutations.reduce((damaged, mutate) => mutate(damaged), bytes);
        const fields = { id: "id", text: ["text"], payload: ["*"] };
        const { rows, documents } = await parsed(memoryObject(key, damaged, pieceSize), fields, limits);
        expect(rows.map(({ row }) => row)).toEqual(rows.map((_, index) => index));
        expect(JSON.parse(JSON.stringify(documents))).toEqual(documents);
        for (const { text, blocks } of documents) expect(blocks.every(({ end }) => end <= text.length)).toBe(true);
      },
    ),
    { numRuns: 8000 },
  );
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototypeNames);
});
