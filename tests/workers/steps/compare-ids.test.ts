import { describe, expect, test } from "@jest/globals";
import { compareIds, IdDraw } from "@millrace/workers";
import fc from "fast-check";

async function* each<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

interface Ids {
  readonly planned: readonly string[];
  readonly stored: readonly string[];
  readonly excused?: readonly string[];
  readonly idsAtOnce: number;
}

function compare({ planned, stored, excused = [], idsAtOnce }: Ids) {
  return compareIds({
    planned: () => each(planned.map((id) => ({ id, object: `of ${id}` }))),
    stored: () => each([stored.slice(0, 3), stored.slice(3)]),
    excused: new Set(excused),
    onStored: () => {},
    idsAtOnce,
  });
}

const sets = fc.uniqueArray(fc.uuid(), { maxLength: 60 });
const subset = (all: readonly string[]) => fc.subarray([...all]);

describe("comparing ids", () => {
  test("finds exactly what is missing, unexpected, doubled, whatever fits into memory", async () => {
    const cases = fc.tuple(sets, fc.integer({ min: 1, max: 50 })).chain(([all, idsAtOnce]) =>
      fc.record({
        planned: subset(all),
        stored: subset(all),
        again: subset(all),
        excused: subset(all),
        idsAtOnce: fc.constant(idsAtOnce),
      }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ({ planned, stored, again, excused, idsAtOnce }) => {
        const twice = again.filter((id) => stored.includes(id));
        const found = await compare({ planned, stored: [...stored, ...twice], excused, idsAtOnce });
        const missing = planned.filter((id) => !stored.includes(id) && !excused.includes(id));
        const unexpected = stored.filter((id) => !planned.includes(id));
        expect([found.points, found.missing.count, found.unexpected.count, found.doubled.count]).toEqual([
          stored.length + twice.length,
          missing.length,
          unexpected.length,
          twice.length,
        ]);
        for (const [{ first }, ids] of [
          [found.missing, missing],
          [found.unexpected, unexpected],
          [found.doubled, twice],
        ] as const) {
          expect(first.length).toBe(Math.min(20, ids.length));
          for (const { id } of first) expect(ids).toContain(id);
        }
        for (const { id, object } of found.missing.first) expect(object).toBe(`of ${id}`);
      }),
    );
  });

  test("sees that as many are lost as are additional, though the counts are equal", async () => {
    const planned = Array.from(
      { length: 30 },
      (_, index) => `00000000-0000-5000-8000-${String(index).padStart(12, "0")}`,
    );
    const stored = [...planned.slice(1), "00000000-0000-5000-8000-ffffffffffff"];
    const found = await compare({ planned, stored, idsAtOnce: 10 });
    expect([found.missing.first, found.unexpected.first]).toEqual([
      [{ id: planned[0], object: `of ${planned[0]}` }],
      [{ id: stored[29] }],
    ]);
  });
});

describe("drawing ids", () => {
  test("takes as many as there are up to the number asked for, the same in whatever order they come", () => {
    const cases = sets.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray([...all], { minLength: all.length })),
    );
    fc.assert(
      fc.property(cases, fc.nat(70), fc.nat(), ([all, shuffled], count, seed) => {
        const [one, other] = [all, [...shuffled, ...shuffled]].map((ids) => {
          const draw = new IdDraw(count, seed);
          for (const id of ids) draw.offer(id);
          return [...draw.ids()].sort();
        });
        expect(one).toEqual(other);
        expect(new Set(one).size).toBe(Math.min(count, all.length));
      }),
    );
  });

  test("takes from all of them", () => {
    const draw = new IdDraw(200, 3);
    for (let index = 0; index < 2_000; index += 1) draw.offer(`id ${index}`);
    const late = draw.ids().filter((id) => Number(id.slice(3)) >= 1_000).length;
    expect(Math.abs(late - 100)).toBeLessThan(40);
  });
});
