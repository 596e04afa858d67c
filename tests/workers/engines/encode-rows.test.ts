import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { type Encoder, MillraceError } from "@millrace/core";
import { encodeRows } from "@millrace/workers";
import fc from "fast-check";
import { fakeEncoder, hashedVectors } from "../../support/fake-encoder.ts";

const row = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 4 });

/** Fails as a pool does with every batch that holds one of the poisonous rows; the first id tells. */
function poisonedEncoder(tokenBudget: number, isPoison: (id: number) => boolean) {
  const base = fakeEncoder(4, tokenBudget);
  const calls: number[] = [];
  const encoder: Encoder = {
    ...base,
    tokenBudget,
    async encode(batch) {
      calls.push(batch.rows);
      const firsts = Array.from({ length: batch.rows }, (_, index) => batch.ids[index * batch.length] as number);
      if (firsts.some(isPoison)) throw new MillraceError("E_ROW_ENCODE", "encoder hosts died on this run each time");
      return base.encode(batch);
    },
  };
  return { encoder, calls };
}

describe("encodeRows", () => {
  test("gives every row its own vector and fails exactly the poisonous ones", async () => {
    const poisons = fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 60 }),
        poisons,
        fc.integer({ min: 1, max: 99 }),
        async (all, poison, budget) => {
          const rows = all.map((ids, index) => Int32Array.of(1_000 + index, ...ids));
          const { encoder } = poisonedEncoder(budget, (id) => poison.includes(id - 1_000));
          const { vectors, failed } = await encodeRows(encoder, rows);
          const bad = poison.filter((index) => index < rows.length).sort((a, b) => a - b);
          expect([...failed.keys()].sort((a, b) => a - b)).toEqual(bad);
          for (const error of failed.values()) expect(error.code).toBe("E_ROW_ENCODE");
          for (const [index, ids] of rows.entries()) {
            const expected = bad.includes(index)
              ? new Float32Array(4)
              : hashedVectors({ rows: 1, length: ids.length, ids }, 4);
            expect(vectors.slice(index * 4, index * 4 + 4)).toEqual(expected);
          }
        },
      ),
    );
  });

  test("finds one poisonous row of n in two runs for each halving", async () => {
    for (const count of [1, 2, 3, 64, 100]) {
      for (let poison = 0; poison < count; poison += 7) {
        const rows = Array.from({ length: count }, (_, index) => Int32Array.of(index, 1));
        const { encoder, calls } = poisonedEncoder(10_000, (id) => id === poison);
        const { failed } = await encodeRows(encoder, rows);
        expect([...failed.keys()]).toEqual([poison]);
        expect(calls.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(count)));
      }
    }
  });

  test("an encoder that is of no use is not the rows' fault", async () => {
    const broken: Encoder = {
      ...fakeEncoder(),
      encode: async () => Promise.reject(new MillraceError("E_HOST", "gone")),
    };
    await expect(encodeRows(broken, [Int32Array.of(1), Int32Array.of(2)])).rejects.toMatchObject({ code: "E_HOST" });
  });

  test("has at most one batch for each host, and one more, partly done at any time", async () => {
    for (const hosts of [1, 2, 4]) {
      const most = await mostPartlyDone(hosts, 24);
      expect({ hosts, most: Math.max(most, hosts + 1) }).toEqual({ hosts, most: hosts + 1 });
    }
  });
});

/** Encodes several batches at once on hosts that take one run after the other from one queue, as a pool's do. */
async function mostPartlyDone(hosts: number, batches: number): Promise<number> {
  const queue: (() => Promise<void>)[] = [];
  const done = new Map<number, number>();
  const runsOf = 12;
  let most = 0;
  const encoder: Encoder = {
    ...fakeEncoder(4, 1),
    encode: (batch) =>
      new Promise((resolve) => {
        queue.push(async () => {
          await delay(Number(batch.ids[0]) % 3);
          const number = Math.floor(Number(batch.ids[0]) / 100);
          done.set(number, (done.get(number) ?? 0) + 1);
          most = Math.max(most, [...done.values()].filter((runs) => runs < runsOf).length);
          resolve(hashedVectors(batch, 4));
        });
      }),
  };
  const all = Array.from({ length: batches }, (_, number) =>
    encodeRows(
      encoder,
      Array.from({ length: runsOf }, (_, run) => Int32Array.of(number * 100 + run)),
    ),
  );
  await Promise.all(
    Array.from({ length: hosts }, async () => {
      for (let run = queue.shift(); run !== undefined; run = queue.shift()) await run();
    }),
  );
  await Promise.all(all);
  return most;
}
