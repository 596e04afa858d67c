import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { inWindow } from "@millrace/workflows";
import fc from "fast-check";

const items = fc.array(
  fc.record({
    arrivesAfter: fc.integer({ min: 0, max: 3 }),
    takes: fc.integer({ min: 0, max: 4 }),
    fails: fc.boolean(),
  }),
  { maxLength: 14 },
);
const mostlyGood = items.map((all) => all.map((item, index) => ({ ...item, fails: item.fails && index % 5 === 4 })));

describe("inWindow", () => {
  test("never works on more than its limit, begins nothing after a failure, and throws the first one", async () => {
    await fc.assert(
      fc.asyncProperty(mostlyGood, fc.integer({ min: 1, max: 4 }), async (planned, limit) => {
        let underWay = 0;
        let most = 0;
        let isClosed = false;
        const begun: number[] = [];
        const failed: number[] = [];
        const begunAfterFailure: number[] = [];
        async function* arriving() {
          try {
            for (const [index, item] of planned.entries()) {
              await delay(item.arrivesAfter);
              yield { ...item, index };
            }
          } finally {
            isClosed = true;
          }
        }
        const ended = inWindow(arriving(), { limit }, async ({ index, takes, fails }) => {
          if (failed.length > 0) begunAfterFailure.push(index);
          begun.push(index);
          underWay += 1;
          most = Math.max(most, underWay);
          await delay(takes);
          underWay -= 1;
          if (!fails) return;
          failed.push(index);
          throw new Error(String(index));
        });
        const error = await ended.then(
          () => undefined,
          (reason: Error) => reason.message,
        );
        expect(most).toBeLessThanOrEqual(limit);
        expect(underWay).toBe(0);
        expect(isClosed).toBe(true);
        expect(begunAfterFailure).toEqual([]);
        expect(error).toBe(failed.length === 0 ? undefined : String(failed[0]));
        if (failed.length === 0) expect(begun).toEqual(planned.map((_, index) => index));
      }),
      { numRuns: 150 },
    );
  });

  test("begins more as soon as more may be under way", async () => {
    let changes = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const window = { limit: 1, changed: () => changes.promise };
    const begun: number[] = [];
    const ended = inWindow([0, 1, 2, 3], window, async (item) => {
      begun.push(item);
      await held.promise;
    });
    await delay(5);
    expect(begun).toEqual([0]);
    window.limit = 3;
    const { resolve } = changes;
    changes = Promise.withResolvers<void>();
    resolve();
    await delay(5);
    expect(begun).toEqual([0, 1, 2]);
    window.limit = 1;
    held.resolve();
    await ended;
    expect(begun).toEqual([0, 1, 2, 3]);
  });

  test("begins nothing when a failure comes while the next item is awaited", async () => {
    const begun: number[] = [];
    async function* slowly() {
      yield 0;
      await delay(20);
      yield 1;
    }
    const work = async (item: number) => {
      begun.push(item);
      await delay(2);
      throw new Error("first");
    };
    await expect(inWindow(slowly(), { limit: 4 }, work)).rejects.toThrow("first");
    expect(begun).toEqual([0]);
  });

  test("awaits what is under way when the items themselves fail", async () => {
    let isFinished = false;
    async function* broken() {
      yield 0;
      throw new Error("no more items");
    }
    const work = async () => {
      await delay(10);
      isFinished = true;
    };
    await expect(inWindow(broken(), { limit: 2 }, work)).rejects.toThrow("no more items");
    expect(isFinished).toBe(true);
  });
});
