import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { readSafetensors, type SafetensorsFile } from "@millrace/compiler";
import { MillraceError } from "@millrace/core";
import fc from "fast-check";
import { failureOf } from "./support.ts";

/** A safetensors file: length, header, data. */
function fileOf(header: unknown, data: Uint8Array = new Uint8Array(), claimed?: number): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(claimed ?? json.length));
  return Buffer.concat([length, json, data]);
}

const folder = mkdtempSync(join(tmpdir(), "millrace-safetensors-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function readBytes<Result>(bytes: Uint8Array, use: (file: SafetensorsFile) => Promise<Result>): Promise<Result> {
  const path = join(folder, "model.safetensors");
  writeFileSync(path, bytes);
  const file = await readSafetensors(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

const refusal = async (bytes: Uint8Array) => {
  const error = await failureOf(() => readBytes(bytes, async () => undefined));
  expect(error.code).toBe("E_SAFETENSORS");
  expect(error.what).toContain("model.safetensors");
  return error.why;
};

const f32 = (shape: readonly number[], start: number, end: number) => ({
  dtype: "F32",
  shape,
  data_offsets: [start, end],
});

describe("a valid file", () => {
  test("gives tensors of every kind in the order of the header", async () => {
    const header = {
      __metadata__: { format: "pt" },
      b: { dtype: "I64", shape: [1], data_offsets: [8, 16] },
      a: f32([1, 2], 0, 8),
      none: f32([0, 3], 16, 16),
      scalar: { dtype: "U8", shape: [], data_offsets: [16, 17] },
    };
    const floats = new Uint8Array(Float32Array.of(1.5, -2).buffer);
    const data = Buffer.concat([floats, Buffer.alloc(9, 7)]);
    await readBytes(fileOf(header, data), async (file) => {
      expect([...file.tensors.keys()]).toEqual(["b", "a", "none", "scalar"]);
      expect(file.tensors.get("a")).toEqual({ name: "a", dtype: "F32", shape: [1, 2], start: 0, bytes: 8 });
      const [b, a, none] = [...file.tensors.values()];
      expect(await file.readFloat32(a!)).toEqual(Float32Array.of(1.5, -2));
      expect(await file.read(none!)).toEqual(new Uint8Array(0));
      const error = await failureOf(() => file.readFloat32(b!));
      expect(error.code).toBe("E_MODEL_UNSUPPORTED");
      expect(error.message).toContain('tensor "b" holds I64. Supported: F32, F16, BF16, F64.');
    });
  });

  test("names may be those of Object.prototype", async () => {
    const header = `{"__proto__": ${JSON.stringify(f32([1], 0, 4))}, "constructor": ${JSON.stringify(f32([1], 4, 8))}  }  `;
    await readBytes(fileOf(header, new Uint8Array(8)), async (file) => {
      expect([...file.tensors.keys()]).toEqual(["__proto__", "constructor"]);
    });
  });

  test("widens every half exactly", async () => {
    const halves = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);
    const header = { half: { dtype: "F16", shape: [0x10000], data_offsets: [0, 0x20000] } };
    await readBytes(fileOf(header, new Uint8Array(halves.buffer)), async (file) => {
      const floats = await file.readFloat32(file.tensors.get("half")!);
      expect(Array.from(floats, (value) => value)).toEqual(Array.from(halves, halfValue));
    });
  });

  test("widens every bfloat16 exactly", async () => {
    const halves = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);
    const header = { half: { dtype: "BF16", shape: [0x10000], data_offsets: [0, 0x20000] } };
    await readBytes(fileOf(header, new Uint8Array(halves.buffer)), async (file) => {
      const bits = new Uint32Array((await file.readFloat32(file.tensors.get("half")!)).buffer);
      expect(bits.every((value, index) => value === index * 0x10000)).toBe(true);
    });
  });
});

/** The value of an IEEE 754 half by its definition. */
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}

describe("a damaged file", () => {
  const eight = new Uint8Array(8);
  test.each<[string, Uint8Array, RegExp]>([
    ["empty", new Uint8Array(), /it has 0 bytes/],
    ["shorter than its first number", new Uint8Array(7), /it has 7 bytes/],
    ["a header above the format's limit", fileOf({}, eight, 100_000_001), /claims 100000001 bytes, above 100000000/],
    ["a header longer than the file", fileOf({}, eight, 11), /claims 11 bytes, but 10 follow/],
    ["a header of 2^64 − 1", Buffer.concat([Buffer.alloc(8, 255), eight]), /claims 18446744073709551615 bytes/],
    ["no header", fileOf("", eight), /does not begin with \{/],
    ["a list as header", fileOf([]), /does not begin with \{/],
    ["a broken header", fileOf('{"a": '), /is not JSON/],
    ["a header with a byte order mark", fileOf("\ufeff{}"), /does not begin with \{/],
    ["a header that is not UTF-8", withBadText(), /not UTF-8/],
    ["numbers as metadata", fileOf({ __metadata__: { a: 1 } }), /__metadata__/],
    ["a tensor that is a number", fileOf({ a: 4 }), /tensor "a" is not described/],
    ["an unknown dtype", fileOf({ a: { dtype: "F5", shape: [], data_offsets: [0, 4] } }), /unknown dtype "F5"/],
    [
      "a dtype of Object.prototype",
      fileOf({ a: { dtype: "toString", shape: [], data_offsets: [0, 4] } }),
      /unknown dtype/,
    ],
    ["a negative size", fileOf({ a: f32([-1], 0, 4) }, eight), /impossible shape \[-1\]/],
    ["a fractional size", fileOf({ a: f32([1.5], 0, 6) }, eight), /impossible shape \[1.5\]/],
    ["a size beyond every memory", fileOf({ a: f32([2 ** 40, 2 ** 40], 0, 8) }, eight), /impossible shape/],
    [
      "three offsets",
      fileOf({ a: { dtype: "F32", shape: [2], data_offsets: [0, 8, 8] } }, eight),
      /impossible data_offsets/,
    ],
    ["no offsets", fileOf({ a: { dtype: "F32", shape: [2] } }, eight), /impossible data_offsets nothing/],
    [
      "a size that does not fit the shape",
      fileOf({ a: f32([3], 0, 8) }, eight),
      /spans 8 bytes, but F32 of shape \[3\] takes 12/,
    ],
    ["offsets in reverse", fileOf({ a: f32([0], 8, 0) }, eight), /spans -8 bytes/],
    ["an end outside the file", fileOf({ a: f32([4], 0, 16) }, eight), /tensor "a" ends at 16, but the file holds 8/],
    ["an overlap", fileOf({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, eight), /tensor "b" begins at 4, inside/],
    ["a gap", fileOf({ a: f32([1], 4, 8) }, eight), /tensor "a" begins at 4, but the one before it ends at 0/],
    ["data that no tensor has", fileOf({ a: f32([1], 0, 4) }, eight), /its tensors end at 4, but it holds 8/],
    [
      "a name twice",
      fileOf(`{"a": ${JSON.stringify(f32([2], 0, 8))}, "\\u0061" : ${JSON.stringify(f32([2], 0, 8))}}`, eight),
      /names "a" twice/,
    ],
    [
      "a field twice",
      fileOf('{"a": {"dtype": "I64", "dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', eight),
      /names "dtype" twice/,
    ],
  ])("%s", async (_, bytes, why) => {
    expect(await refusal(bytes)).toMatch(why);
  });
});

function withBadText(): Uint8Array {
  const bytes = Buffer.from(fileOf('{"a": 1}'));
  bytes[10] = 0xff;
  return bytes;
}

describe("fuzz", () => {
  const header = {
    a: f32([2, 2], 0, 16),
    b: { dtype: "BF16", shape: [3], data_offsets: [16, 22] },
    "c.d": f32([], 22, 26),
  };
  const valid = fileOf(header, new Uint8Array(26).fill(9));

  /** Reads everything a file claims to have; only a MillraceError may come of it. */
  const readAll = async (bytes: Uint8Array) => {
    try {
      await readBytes(bytes, async (file) => {
        for (const tensor of file.tensors.values()) expect((await file.read(tensor)).length).toBe(tensor.bytes);
      });
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      expect(["E_SAFETENSORS", "E_MODEL_UNSUPPORTED"]).toContain(error.code);
    }
  };

  test("truncated anywhere, it is refused", async () => {
    for (let end = 0; end < valid.length; end += 1) await refusal(valid.slice(0, end));
  });

  test("changed bytes never crash the reader", async () => {
    const change = fc.tuple(fc.nat(valid.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
        const bytes = Uint8Array.from(valid);
        for (const [at, value] of changes) bytes[at] = value;
        await readAll(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test("changed descriptions never crash the reader", async () => {
    const number = fc.oneof(fc.integer({ min: -2, max: 40 }), fc.constantFrom(2 ** 31, 2 ** 53, 2 ** 60, 1e308, 0.5));
    const entry = fc.record(
      {
        dtype: fc.constantFrom("F32", "F16", "BF16", "I64", "BOOL", "F4", "__proto__", ""),
        shape: fc.oneof(fc.array(number, { maxLength: 4 }), fc.jsonValue()),
        data_offsets: fc.oneof(fc.array(number, { minLength: 1, maxLength: 3 }), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    const headers = fc.dictionary(fc.string(), fc.oneof({ weight: 5, arbitrary: entry }, fc.jsonValue()), {
      maxKeys: 4,
    });
    await fc.assert(
      fc.asyncProperty(headers, fc.nat(64), (made, bytes) => readAll(fileOf(made, new Uint8Array(bytes)))),
      { numRuns: 1000 },
    );
  });

  test("any layout of tensors that is valid is read", async () => {
    const shapes = fc.array(fc.array(fc.nat(4), { maxLength: 3 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(shapes, async (all) => {
        let end = 0;
        const entries = all.map((shape, index) => {
          const start = end;
          end += 4 * shape.reduce((product, size) => product * size, 1);
          return [`tensor ${index}`, f32(shape, start, end)] as const;
        });
        const data = Uint8Array.from({ length: end }, (_, index) => index % 251);
        await readBytes(fileOf(Object.fromEntries([...entries].reverse()), data), async (file) => {
          for (const [name, { data_offsets }] of entries)
            expect(await file.read(file.tensors.get(name)!)).toEqual(data.slice(data_offsets[0], data_offsets[1]));
        });
      }),
      { numRuns: 200 },
    );
  });
});
