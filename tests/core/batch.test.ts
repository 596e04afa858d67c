import { describe, expect, test } from "@jest/globals";
import { planTokenBatches } from "@millrace/core";
import fc from "fast-check";

describe("planTokenBatches", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 512 }), { maxLength: 300 });
  const budget = fc.integer({ min: 1, max: 4096 });

  test("every row is in exactly one run of rows as long as itself, within the budget", () => {
    fc.assert(
      fc.property(lengths, budget, (lengths, budget) => {
        const plan = planTokenBatches(lengths, budget);
        const rows = plan.flatMap((run) => run.rows);
        expect([...rows].sort((a, b) => a - b)).toEqual(lengths.map((_, row) => row));
        for (const run of plan) {
          expect(run.rows.every((row) => lengths[row] === run.length)).toBe(true);
          expect(run.rows.length === 1 || run.rows.length * run.length <= budget).toBe(true);
        }
      }),
    );
  });

  test("a GPU's budget makes one run of a length until it is full, so that more rows make larger runs, not more", () => {
    fc.assert(
      fc.property(lengths, fc.constantFrom(8_192, 32_768), (lengths, budget) => {
        const plan = planTokenBatches(lengths, budget);
        const tokensOf = (length: number) => length * lengths.filter((other) => other === length).length;
        for (const length of new Set(lengths)) {
          const rowsInRun = Math.floor(budget / length);
          const least = Math.ceil(tokensOf(length) / length / rowsInRun);
          expect(plan.filter((run) => run.length === length).length).toBe(least);
        }
        const twice = planTokenBatches([...lengths, ...lengths], 2 * budget);
        expect(twice.length).toBeLessThanOrEqual(plan.length);
      }),
    );
  });

  test("longest runs come first", () => {
    fc.assert(
      fc.property(lengths, budget, (lengths, budget) => {
        const planned = planTokenBatches(lengths, budget).map((run) => run.length);
        expect(planned).toEqual([...planned].sort((a, b) => b - a));
      }),
    );
  });
});
