import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import {
  type HeldNumbers,
  heldCosine,
  heldLength,
  heldVector,
  packVectors,
  queryInForm,
  unpackVector,
  type VectorForm,
} from "@millrace/core";
import fc from "fast-check";

const golden = JSON.parse(readFileSync(join(import.meta.dirname, "../golden/vector-forms.json"), "utf8"));
const bytesIn = (base64: string) => Uint8Array.from(Buffer.from(base64, "base64"));
const bytesOf = (held: HeldNumbers) => new Uint8Array(held.buffer, held.byteOffset, held.byteLength);
const { dimensions } = golden as { dimensions: number };
const vectors = new Float32Array(bytesIn(golden.float32).buffer);

const forms: readonly VectorForm[] = [
  { precision: "float32" },
  { precision: "float16" },
  { precision: "int8", step: Math.fround(1 / 127) },
  { precision: "binary" },
];

/** Unit vectors, as encoders give them. */
const unitVector = fc
  .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 3, maxLength: 70 })
  .filter((values) => Math.hypot(...values) > 0.1)
  .map((values) => Float32Array.from(values, (value) => value / Math.hypot(...values)));

describe("vectors as a store holds them", () => {
  test("are bit for bit what numpy and sentence-transformers make of them", () => {
    expect(bytesOf(packVectors({ precision: "float16" }, vectors, dimensions))).toEqual(bytesIn(golden.float16));
    for (const { step, held } of golden.int8)
      expect(bytesOf(packVectors({ precision: "int8", step }, vectors, dimensions))).toEqual(bytesIn(held));
    expect(bytesOf(packVectors({ precision: "binary" }, vectors, dimensions))).toEqual(bytesIn(golden.binary));
    expect(packVectors({ precision: "float32" }, vectors, dimensions)).toBe(vectors);
  });

  test("hold each vector as if it were alone, and what they stand for as it is", () => {
    const property = fc.property(fc.constantFrom(...forms), fc.array(unitVector, { minLength: 1 }), (form, some) => {
      const width = Math.min(...some.map(({ length }) => length));
      const rows = some.map((vector) => vector.slice(0, width));
      const packed = packVectors(form, Float32Array.from(rows.flatMap((row) => [...row])), width);
      const length = heldLength(form, width);
      expect(packed.length).toBe(rows.length * length);
      for (const [row, vector] of rows.entries()) {
        const held = packed.subarray(row * length, (row + 1) * length);
        expect(held).toEqual(packVectors(form, vector, width));
        const read = unpackVector(form, held, width);
        expect(read).toEqual(heldVector(form, vector));
        expect(heldVector(form, read)).toEqual(read);
      }
    });
    fc.assert(property);
  });

  test("are near what they were made of: halves and int8 by their step, signs by their sides", () => {
    const property = fc.property(unitVector, (vector) => {
      for (const [place, value] of heldVector({ precision: "float16" }, vector).entries())
        expect(Math.abs(value - (vector[place] as number))).toBeLessThanOrEqual(2 ** -12);
      const step = Math.fround(1 / 127);
      for (const [place, value] of heldVector({ precision: "int8", step }, vector).entries())
        expect(Math.abs(value - (vector[place] as number))).toBeLessThanOrEqual(0.5001 * step);
      for (const [place, value] of heldVector({ precision: "binary" }, vector).entries())
        expect(value).toBe((vector[place] as number) > 0 ? 1 : -1);
    });
    fc.assert(property);
  });

  test("a vector that was encoded again agrees with itself, and not with another one", () => {
    const rows = Array.from({ length: 20 }, (_, row) => vectors.slice((row + 4) * dimensions, (row + 5) * dimensions));
    const pairs = rows.flatMap((left, row) => rows.slice(row + 1).map((right) => [left, right] as const));
    for (const form of forms) {
      for (const encoded of rows) {
        const nearly = encoded.map((value, place) => (place === 7 ? value + 1e-7 : value));
        expect(heldCosine(form, heldVector(form, encoded), nearly)).toBeGreaterThan(0.99999);
      }
      for (const [left, right] of pairs) expect(heldCosine(form, heldVector(form, left), right)).toBeLessThan(0.95);
    }
  });

  test("a sign that a last bit decides costs nothing", () => {
    const form: VectorForm = { precision: "binary" };
    const encoded = Float32Array.of(0.6, -0.8, 1e-7, 0.3);
    const again = Float32Array.of(0.6, -0.8, -1e-7, 0.3);
    expect(heldVector(form, encoded)).not.toEqual(heldVector(form, again));
    expect(heldCosine(form, heldVector(form, encoded), again)).toBeGreaterThan(0.99999);
  });

  test("a query is rounded as they are, but keeps its floats before signs", () => {
    const query = Float32Array.of(0.123456789, -0.5);
    expect(queryInForm({ precision: "binary" }, query)).toEqual(query);
    expect(queryInForm({ precision: "int8", step: 0.01 }, query)).toEqual(Float32Array.of(0.12, -0.5));
    expect(queryInForm({ precision: "float16" }, query)).toEqual(heldVector({ precision: "float16" }, query));
  });
});
