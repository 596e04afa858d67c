import { describe, expect, test } from "@jest/globals";
import { IdDigest, idBucket, idBuckets, idRank } from "@millrace/core";
import fc from "fast-check";

const ids = fc.uniqueArray(fc.oneof(fc.uuid(), fc.string()), { maxLength: 40 });

function digestOf(all: readonly string[]): IdDigest {
  const digest = new IdDigest();
  for (const id of all) digest.add(id);
  return digest;
}

describe("the digest of ids", () => {
  test("does not depend on their order", () => {
    fc.assert(
      fc.property(
        ids.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => {
          expect(digestOf(shuffled).differences(digestOf(all))).toEqual([]);
          expect(String(digestOf(shuffled))).toBe(String(digestOf(all)));
        },
      ),
    );
  });

  test("tells a lost, an additional and a doubled id by the bucket of that id", () => {
    fc.assert(
      fc.property(ids, fc.uuid(), (all, id) => {
        const others = all.filter((other) => other !== id);
        const [without, once, twice] = [others, [...others, id], [id, ...others, id]].map(digestOf) as [
          IdDigest,
          IdDigest,
          IdDigest,
        ];
        for (const [left, right] of [
          [without, once],
          [once, twice],
          [without, twice],
        ] as const) {
          expect(left.differences(right)).toEqual([idBucket(id)]);
          expect(String(left)).not.toBe(String(right));
        }
      }),
    );
  });

  test("is the sum of the ids' halves modulo 2 to the 64", () => {
    fc.assert(
      fc.property(fc.array(fc.uuid(), { maxLength: 60 }), (all) => {
        const halves = all.map((id) => id.replaceAll("-", "")).map((hex) => [hex.slice(0, 16), hex.slice(16)]);
        const sum = (half: number) =>
          BigInt.asUintN(
            64,
            halves.reduce((total, each) => total + BigInt(`0x${each[half]}`), 0n),
          );
        expect(String(digestOf(all))).toBe([0, 1].map((half) => sum(half).toString(16).padStart(16, "0")).join(""));
      }),
    );
  });

  test("counts, in buckets that exist", () => {
    fc.assert(
      fc.property(ids, (all) => {
        const digest = digestOf(all);
        const counts = Array.from({ length: idBuckets }, (_, bucket) => digest.countOf(bucket));
        expect([digest.count, counts.reduce((sum, count) => sum + count, 0)]).toEqual([all.length, all.length]);
      }),
    );
  });
});

test("ranks are spread evenly", () => {
  const ranks = Array.from({ length: 4_000 }, (_, index) => idRank(`id ${index}`, 7) / 2 ** 32);
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const inside = ranks.filter((rank) => Math.floor(rank * 10) === tenth).length;
    expect(Math.abs(inside - 400)).toBeLessThan(100);
  }
});
