import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { type Matrix, quantizeWeight } from "@millrace/compiler";
import fc from "fast-check";

const weights: fc.Arbitrary<Matrix> = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 6 }))
  .chain(([rows, columns]) =>
    fc
      .float32Array({ minLength: rows * columns, maxLength: rows * columns, noNaN: true, min: -100, max: 100 })
      .map((values) => ({ values: values.map((value) => (Math.abs(value) < 1e-30 ? 0 : value)), rows, columns })),
  );

/** What VPMADDUBSW and the additions after it make of uint8 activations and int8 weights. */
function saturatingProduct(activations: readonly number[], weight: readonly number[]): number {
  let sum = 0;
  for (let row = 0; row < weight.length; row += 2) {
    const term = (index: number) => (activations[index] ?? 0) * (weight[index] ?? 0);
    sum += Math.max(-32768, Math.min(32767, term(row) + term(row + 1)));
  }
  return sum;
}

describe("quantizeWeight", () => {
  test("rounds and scales as numpy does under the same limits", () => {
    const fixture = JSON.parse(readFileSync(join(import.meta.dirname, "../golden/quantized-weight.json"), "utf8"));
    const { values, scales } = quantizeWeight({ ...fixture, values: Float32Array.from(fixture.weight) });
    expect([...scales]).toEqual(fixture.scales);
    expect([...values]).toEqual(fixture.values);
  });

  test("no activation makes two neighbours saturate 16 bits", () => {
    fc.assert(
      fc.property(weights, fc.infiniteStream(fc.constantFrom(0, 1, 128, 254, 255)), (weight, stream) => {
        const { values } = quantizeWeight(weight);
        for (let column = 0; column < weight.columns; column += 1) {
          const own = Array.from({ length: weight.rows }, (_, row) => values[row * weight.columns + column] as number);
          const worst = own.map((value) => (value > 0 ? 255 : 0));
          const opposite = own.map((value) => (value < 0 ? 255 : 0));
          const some = own.map(() => stream.next().value as number);
          for (const activations of [worst, opposite, some, own.map(() => 255)]) {
            const exact = own.reduce((sum, value, row) => sum + value * (activations[row] as number), 0);
            expect(saturatingProduct(activations, own)).toBe(exact);
          }
        }
      }),
    );
  });

  test("no value is further off than one step, and hardly any than half of one", () => {
    fc.assert(
      fc.property(weights, (weight) => {
        const { values, scales } = quantizeWeight(weight);
        const off = weight.values.map((value, index) => {
          const scale = scales[index % weight.columns] as number;
          return Math.abs(value / scale - (values[index] as number));
        });
        expect(Math.max(...off)).toBeLessThanOrEqual(1.001);
        for (const [column, scale] of scales.entries()) {
          const own = weight.values.filter((_, index) => index % weight.columns === column);
          const largest = Math.max(...own.map(Math.abs));
          expect(scale).toBeLessThanOrEqual(largest === 0 ? 1 : (largest / 64) * 1.001);
        }
      }),
    );
  });
});
