import { describe, expect, test } from "@jest/globals";
import { type ErrorCode, errorTable, type RetryClass, retryDelay, retryPolicies } from "@millrace/core";

/** Each code, by what is done when a step fails with it. */
const classes: Readonly<Record<RetryClass, readonly ErrorCode[]>> = {
  "for-ever": ["E_UNREACHABLE"],
  many: ["E_IO"],
  few: ["E_HOST"],
  "at-once": ["E_OBJECT_CHANGED"],
  "while-busy": ["E_STORE_BUSY"],
  never: (Object.keys(errorTable) as ErrorCode[]).filter(
    (code) => !["E_UNREACHABLE", "E_IO", "E_HOST", "E_OBJECT_CHANGED", "E_STORE_BUSY"].includes(code),
  ),
};

/** All delays of a class, the first hundred at most. */
function delaysOf(retry: RetryClass, jitter: number): readonly number[] {
  const delays: number[] = [];
  for (let failures = 1; failures <= 100; failures += 1) {
    const delay = retryDelay(retry, failures, jitter);
    if (delay === undefined) break;
    delays.push(delay);
  }
  return delays;
}

describe("what is tried again", () => {
  test.each(Object.keys(errorTable) as ErrorCode[])("%s has a class", (code) => {
    const [name] = Object.entries(classes).find(([, codes]) => codes.includes(code)) ?? [];
    expect(errorTable[code].retry).toBe(name);
  });

  test("a setting, a model, a store or credentials that are wrong stay wrong", () => {
    for (const code of ["E_CONFIG", "E_STORE_SCHEMA", "E_STORE_FINGERPRINT", "E_CREDENTIALS", "E_STORE", "E_INTERNAL"])
      expect(errorTable[code as ErrorCode].retry).toBe("never");
    expect(delaysOf("never", 0)).toEqual([]);
  });

  test("a server that cannot be reached is tried for ever, in the end every half minute", () => {
    const delays = delaysOf("for-ever", 0);
    expect(delays.slice(0, 7)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect([delays.length, delays.at(-1)]).toEqual([100, 30_000]);
  });

  test("hosts that keep dying are given up, and another run is waited for, but not for ever", () => {
    expect(delaysOf("few", 0)).toEqual([1_000, 2_000, 4_000]);
    expect(delaysOf("at-once", 0)).toEqual([0, 0]);
    const minutes = (retry: RetryClass) => delaysOf(retry, 0).reduce((sum, delay) => sum + delay, 0) / 60_000;
    expect(minutes("many")).toBeCloseTo(7.5, 0);
    expect(minutes("while-busy")).toBeCloseTo(9.75, 0);
  });

  test("jitter shortens a delay by half at most", () => {
    for (const retry of Object.keys(retryPolicies) as RetryClass[]) {
      for (const [index, delay] of delaysOf(retry, 0).entries()) {
        expect(delaysOf(retry, 1)[index]).toBe(delay / 2);
        expect(delaysOf(retry, 0.5)[index]).toBe((delay * 3) / 4);
      }
    }
  });
});
