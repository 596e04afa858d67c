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

  test("longest runs come first", () => {
    fc.assert(
      fc.property(lengths, budget, (lengths, budget) => {
        const planned = planTokenBatches(lengths, budget).map((run) => run.length);
        expect(planned).toEqual([...planned].sort((a, b) => b - a));
      }),
    );
  });
});
