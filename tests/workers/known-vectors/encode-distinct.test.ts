import { describe, expect, test } from "@jest/globals";
import { type Encoder, MillraceError } from "@millrace/core";
import { encodeDistinct, encodeRows, KnownVectors, type VectorCache, vectorKey } from "@millrace/workers";
import fc from "fast-check";
import { fakeEncoder } from "../../support/fake-encoder.ts";

const dimensions = 4;

/** Counts the rows that an encoder takes, and holds it up where it is told to. */
function counted() {
  const encoder = fakeEncoder(dimensions);
  const seen: string[] = [];
  let gate: Promise<void> | undefined;
  return {
    seen,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    encoder: {
      ...encoder,
      async encode(batch: Parameters<typeof encoder.encode>[0]) {
        for (let row = 0; row < batch.rows; row += 1) {
          seen.push(batch.ids.subarray(row * batch.length, (row + 1) * batch.length).join(" "));
        }
        await gate;
        return encoder.encode(batch);
      },
    },
  };
}

const row = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }).map((ids) => Int32Array.from(ids));

describe("encoding distinct rows", () => {
  test("gives what encoding all of them gives, each text once, in calls one after the other and at once", async () => {
    const calls = fc.array(fc.array(row, { maxLength: 20 }), { minLength: 1, maxLength: 5 });
    const property = fc.asyncProperty(calls, fc.boolean(), async (calls, isAtOnce) => {
      const { encoder, seen } = counted();
      const known = new KnownVectors("graph");
      const results = [];
      for (const rows of calls) {
        const result = encodeDistinct(encoder, rows, { known });
        results.push(isAtOnce ? result : await result);
      }
      const encoded = await Promise.all(results);
      for (const [place, rows] of calls.entries()) {
        const expected = await encodeRows(fakeEncoder(dimensions), rows);
        expect(encoded[place]?.vectors).toEqual(expected.vectors);
      }
      const distinct = new Set(calls.flat().map((ids) => ids.join(" ")));
      expect(seen.sort()).toEqual([...distinct].sort());
      const reused = encoded.reduce((sum, { reused }) => sum + reused.length, 0);
      expect(reused).toBe(calls.flat().length - distinct.size);
    });
    await fc.assert(property, { numRuns: 100 });
  });

  test("two calls that each encode what the other needs both end", async () => {
    const { encoder, seen, hold } = counted();
    const known = new KnownVectors("graph");
    const go = hold();
    const [a, b] = [Int32Array.of(1, 2), Int32Array.of(3, 4)];
    const first = encodeDistinct(encoder, [a], { known });
    const second = encodeDistinct(encoder, [b, a], { known });
    const third = encodeDistinct(encoder, [a, b], { known });
    go();
    expect((await third).reused).toEqual([0, 1]);
    expect([(await first).reused, (await second).reused]).toEqual([[], [1]]);
    expect(seen.sort()).toEqual(["1 2", "3 4"]);
  });

  test("a row that one call cannot encode fails in every call, and is tried by each", async () => {
    const known = new KnownVectors("graph");
    const fake = fakeEncoder(dimensions);
    const poisonous: Encoder = {
      ...fake,
      async encode(batch) {
        if (batch.ids.includes(9)) throw new MillraceError("E_ROW_ENCODE", "the engine dies on this");
        return fake.encode(batch);
      },
    };
    const rows = [Int32Array.of(9), Int32Array.of(1), Int32Array.of(9)];
    const [first, second] = await Promise.all([
      encodeDistinct(poisonous, rows, { known }),
      encodeDistinct(poisonous, rows, { known }),
    ]);
    expect([...first.failed.keys()]).toEqual([0, 2]);
    expect([...second.failed.keys()]).toEqual([0, 2]);
    expect(second.reused).toEqual([1]);
  });

  test("remembers no more than it may, the longest unused is forgotten first", async () => {
    const { encoder, seen } = counted();
    const known = new KnownVectors("graph", undefined, 2 * dimensions * 4);
    const encode = (id: number) => encodeDistinct(encoder, [Int32Array.of(id)], { known });
    for (const id of [1, 2, 1, 3, 1, 2]) await encode(id);
    expect(seen).toEqual(["1", "2", "3", "2"]);
  });

  test("what a cache knows is not encoded; what is encoded is put there", async () => {
    const { encoder, seen } = counted();
    const kept = new Map<string, Float32Array>();
    const cache: VectorCache = {
      get: (key) => kept.get(key.toString("hex")),
      put: (key, vector) => void kept.set(key.toString("hex"), vector),
      close: async () => {},
    };
    const rows = [Int32Array.of(1), Int32Array.of(2, 3), Int32Array.of(1)];
    const first = await encodeDistinct(encoder, rows, { known: new KnownVectors("graph", cache) });
    const again = await encodeDistinct(encoder, rows, { known: new KnownVectors("graph", cache) });
    expect(again.vectors).toEqual(first.vectors);
    expect([again.reused.length, seen.length]).toEqual([3, 2]);
    await encodeDistinct(encoder, rows, { known: new KnownVectors("another graph", cache) });
    expect([seen.length, kept.size]).toEqual([4, 4]);
    expect(vectorKey("graph", rows[0] as Int32Array)).not.toEqual(vectorKey("another graph", rows[0] as Int32Array));
  });
});
