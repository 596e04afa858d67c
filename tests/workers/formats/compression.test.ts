import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { memoryObject, noFields, parsed } from "./objects.ts";

const rows = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `${JSON.stringify({ text: `row ${from + index}` })}\n`).join("");
const zstd = (text: string) => zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
const codecs = [
  { name: "gzip", suffix: ".gz", compress: (text: string) => gzipSync(text) },
  { name: "zstd", suffix: ".zst", compress: zstd },
] as const;

describe.each(codecs)("$name", ({ suffix, compress }) => {
  const key = `a.jsonl${suffix}`;

  test("members in a row are one stream, in any pieces", async () => {
    const counts = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(counts, fc.integer({ min: 1, max: 100 }), async (counts, pieceSize) => {
        const members = counts.map((count, index) => compress(rows(index * 100, count)));
        const { documents, thrown } = await parsed(memoryObject(key, Buffer.concat(members), pieceSize));
        expect(thrown).toBeUndefined();
        expect(documents).toHaveLength(counts.reduce((sum, count) => sum + count, 0));
      }),
      { numRuns: 60 },
    );
  });

  test("the first bytes tell, not the name alone", async () => {
    expect((await parsed(memoryObject("a.jsonl", compress(rows(0, 3))))).documents).toHaveLength(3);
    expect((await parsed(memoryObject(key, rows(0, 3)))).thrown?.code).toBe("E_OBJECT_COMPRESSION");
    expect((await parsed(memoryObject(key, ""))).thrown?.code).toBe("E_OBJECT_COMPRESSION");
  });

  test("a stream cut anywhere is an error, whatever was read before", async () => {
    const whole = compress(rows(0, 50));
    for (let length = 4; length < whole.length; length += 1) {
      const { thrown, documents } = await parsed(memoryObject(key, whole.subarray(0, length), 16));
      expect(thrown?.code).toBe("E_OBJECT_COMPRESSION");
      expect(documents.every(({ text }) => /^row \d+$/.test(text))).toBe(true);
    }
  });

  test("a wrong checksum and garbage behind the end are errors, after the rows", async () => {
    const whole = compress(rows(0, 5));
    const checksumAt = suffix === ".gz" ? whole.length - 6 : whole.length - 2;
    const flipped = Buffer.from(whole.map((byte, index) => (index === checksumAt ? byte ^ 1 : byte)));
    const garbage = Buffer.concat([whole, Buffer.from("garbage")]);
    for (const bytes of [flipped, garbage, Buffer.concat([whole, whole.subarray(0, 9)])]) {
      for (const pieceSize of [1, whole.length, 1000]) {
        expect((await parsed(memoryObject(key, bytes, pieceSize))).thrown?.code).toBe("E_OBJECT_COMPRESSION");
      }
    }
  });

  test("a bomb is stopped: as rows beyond measure, as a file beyond the limit", async () => {
    const bomb = compress("\n".repeat(20_000_000));
    const limits = { maxObjectBytes: 1_000_000, maxExpansion: 100 };
    expect((await parsed(memoryObject(key, bomb), noFields, limits)).thrown?.code).toBe("E_OBJECT_COMPRESSION");
    const text = await parsed(memoryObject(`a.txt${suffix}`, bomb), noFields, { ...limits, maxExpansion: 1e6 });
    expect(text.errors).toEqual({ 0: "E_ROW_TOO_LARGE" });
  });

  test("a reader that stops early ends the decompression", async () => {
    let isClosed = false;
    const object = memoryObject(key, compress(rows(0, 100_000)), 1000);
    const stream = async function* () {
      try {
        yield* object.stream();
      } finally {
        isClosed = true;
      }
    };
    const { parseObject } = await import("@millrace/workers");
    for await (const row of parseObject({ ...object, stream }, noFields)) if (row.row === 10) break;
    await new Promise((resolve) => setImmediate(resolve));
    expect(isClosed).toBe(true);
  });
});

test("zeros behind gzip are padding", async () => {
  const padded = Buffer.concat([gzipSync(rows(0, 5)), Buffer.alloc(512)]);
  const { documents, thrown } = await parsed(memoryObject("a.jsonl.gz", padded, 10));
  expect(documents).toHaveLength(5);
  expect(thrown).toBeUndefined();
});

test("skippable zstd frames are skipped", async () => {
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const bytes = Buffer.concat([skippable, zstd(rows(0, 2)), skippable, zstd(rows(2, 2)), skippable]);
  for (const pieceSize of [1, 5, 1000]) {
    expect((await parsed(memoryObject("a.jsonl.zst", bytes, pieceSize))).documents).toHaveLength(4);
  }
});

test("what reading throws is not taken for damage", async () => {
  const { MillraceError } = await import("@millrace/core");
  const object = memoryObject("a.jsonl.gz", gzipSync(rows(0, 5)));
  const stream = async function* () {
    yield Buffer.from(await object.read(0, 20));
    throw new MillraceError("E_OBJECT_CHANGED", "changed");
  };
  expect((await parsed({ ...object, stream })).thrown?.code).toBe("E_OBJECT_CHANGED");
});
