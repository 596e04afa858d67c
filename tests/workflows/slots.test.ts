import { describe, expect, test } from "@jest/globals";
import { Gate, Slots } from "@millrace/workflows";
import fc from "fast-check";

/** Lets all that can go on go on. */
const settled = async () => {
  for (let turn = 0; turn < 50; turn += 1) await undefined;
};

const action = fc.oneof(
  fc.record({ kind: fc.constant("take" as const), count: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant("give" as const), count: fc.constant(0) }),
  fc.record({ kind: fc.constant("resize" as const), count: fc.integer({ min: 1, max: 12 }) }),
);

describe("Slots", () => {
  test("begins in order of coming, never more than may be, and whatever fits", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const slots = new Slots(4);
        const asked: number[] = [];
        const begun: number[] = [];
        const underWay: number[] = [];
        const counts = new Map<number, number>();
        for (const [id, { kind, count }] of actions.entries()) {
          const most = slots.limit;
          const before = underWay.length;
          if (kind === "take") {
            asked.push(id);
            counts.set(id, count);
            void slots.take(count).then(() => {
              begun.push(id);
              underWay.push(id);
            });
          } else if (kind === "resize") slots.resize(count);
          else if (underWay.length > 0) slots.give(counts.get(underWay.shift() as number) as number);
          await settled();
          const taken = underWay.reduce((sum, of) => sum + (counts.get(of) as number), 0);
          expect(slots.taken).toBe(taken);
          expect(begun).toEqual(asked.slice(0, begun.length));
          if (underWay.length > Math.max(1, before)) expect(taken).toBeLessThanOrEqual(Math.max(slots.limit, most));
          const next = asked[begun.length];
          if (next !== undefined) {
            expect(underWay.length).toBeGreaterThan(0);
            expect(taken + (counts.get(next) as number)).toBeGreaterThan(slots.limit);
          }
        }
      }),
    );
  });

  test("says when there are more or fewer", async () => {
    const slots = new Slots(1);
    const limits: number[] = [];
    const once = slots.resized().then(() => limits.push(slots.limit));
    await settled();
    expect(limits).toEqual([]);
    slots.resize(7);
    await once;
    expect(limits).toEqual([7]);
  });
});

describe("Gate", () => {
  test("lets through while it is open, and all who waited once it opens", async () => {
    const gate = new Gate(false);
    const passed: string[] = [];
    await gate.passed();
    gate.close();
    for (const name of ["first", "second"]) void gate.passed().then(() => passed.push(name));
    await settled();
    expect([passed, gate.isClosed]).toEqual([[], true]);
    gate.open();
    await settled();
    expect([passed, gate.isClosed]).toEqual([["first", "second"], false]);
  });

  test("that fails lets nobody wait", async () => {
    const gate = new Gate(true);
    const waiting = gate.passed();
    gate.fail(new Error("cancelled"));
    await expect(waiting).rejects.toThrow("cancelled");
    await expect(gate.passed()).rejects.toThrow("cancelled");
  });
});
