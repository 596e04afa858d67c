import { describe, expect, test } from "@jest/globals";
import { compareKeys, diffListing, groupObjects, reconcileObject, stalePoints } from "@millrace/core";
import fc from "fast-check";

const key = fc.oneof(
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.array(fc.constantFrom("a", "/", "\uffff", "\ue000", "😀", "𐀀", "é"), { maxLength: 4 }).map((all) => all.join("")),
);

describe("compareKeys", () => {
  test("orders as the UTF-8 bytes do", () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("diffListing", () => {
  const versions = fc.dictionary(key, fc.constantFrom("1", "2"), { maxKeys: 12 });

  test("says of each key what a comparison of two maps says, in order", async () => {
    await fc.assert(
      fc.asyncProperty(versions, versions, async (now, before) => {
        const changes: [string, string][] = [];
        const listing = sorted(now).map(([key, version]) => ({ key, version, bytes: 1 }));
        const known = sorted(before).map(([key, version]) => ({ key, version }));
        for await (const change of diffListing(stream(listing), stream(known))) {
          changes.push([change.kind === "removed" ? change.key : change.object.key, change.kind]);
        }
        const keys = [...new Set([...Object.keys(now), ...Object.keys(before)])].sort(compareKeys);
        expect(changes).toEqual(keys.map((key) => [key, kindOf(now[key], before[key])]));
      }),
    );
  });

  test("closes both listings when its reader stops early", async () => {
    const closed: string[] = [];
    async function* endless(name: string) {
      try {
        for (let key = 0; ; key += 1) yield { key: `${name}${key}`, version: "1", bytes: 0 };
      } finally {
        closed.push(name);
      }
    }
    for await (const _ of diffListing(endless("a"), endless("b"))) break;
    expect(closed.sort()).toEqual(["a", "b"]);
  });
});

function kindOf(now: string | undefined, before: string | undefined): string {
  if (now === undefined) return "removed";
  if (before === undefined) return "new";
  return now === before ? "unchanged" : "changed";
}

function sorted(versions: Record<string, string>): [string, string][] {
  return Object.entries(versions).sort(([a], [b]) => compareKeys(a, b));
}

async function* stream<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

describe("groupObjects", () => {
  test("keeps the order, fills each group as far as it may, and holds the limits", () => {
    const objects = fc.array(fc.integer({ min: 0, max: 50 }).map((bytes) => ({ key: "k", version: "v", bytes })));
    const limits = fc.record({ objects: fc.integer({ min: 1, max: 6 }), bytes: fc.integer({ min: 1, max: 80 }) });
    fc.assert(
      fc.property(objects, limits, (objects, limits) => {
        const groups = groupObjects(objects, limits);
        const total = (group: readonly { bytes: number }[]) => group.reduce((sum, { bytes }) => sum + bytes, 0);
        expect(groups.flat()).toEqual(objects);
        for (const [index, group] of groups.entries()) {
          expect(group.length).toBeGreaterThan(0);
          expect(group.length === 1 || (group.length <= limits.objects && total(group) <= limits.bytes)).toBe(true);
          const next = groups[index + 1]?.[0];
          if (next === undefined) continue;
          expect(group.length >= limits.objects || total(group) + next.bytes > limits.bytes).toBe(true);
        }
      }),
    );
  });
});

describe("reconcileObject", () => {
  const documents = fc
    .dictionary(fc.constantFrom("a", "b", "c", "d", "e"), fc.integer({ min: 0, max: 4 }))
    .map((chunks) => Object.entries(chunks).map(([key, chunks]) => ({ key, hash: String(chunks), chunks })));
  const pointsOf = (all: readonly { key: string; chunks: number }[]) =>
    new Set(all.flatMap(({ key, chunks }) => Array.from({ length: chunks }, (_, ordinal) => `${key}${ordinal}`)));

  test("what was there, plus what was read, minus what is stale, is what it says is there", () => {
    fc.assert(
      fc.property(documents, documents, fc.boolean(), (old, fresh, isComplete) => {
        const reconciled = reconcileObject(old, fresh, isComplete);
        const points = new Set([...pointsOf(old), ...pointsOf(fresh)]);
        for (const { document, fromOrdinal, toOrdinal } of reconciled.stale) {
          for (let ordinal = fromOrdinal; ordinal < toOrdinal; ordinal += 1) {
            expect(points.delete(`${document}${ordinal}`)).toBe(true);
          }
        }
        expect(points).toEqual(pointsOf(reconciled.documents));
        const keys = reconciled.documents.map(({ key }) => key);
        expect(new Set(keys).size).toBe(keys.length);
        const freshKeys = fresh.map(({ key }) => key);
        const kept = isComplete ? [] : old.map(({ key }) => key).filter((key) => !freshKeys.includes(key));
        expect(keys).toEqual([...freshKeys, ...kept]);
      }),
    );
  });

  test("reconciling again changes nothing: a commit may be interrupted and done again", () => {
    fc.assert(
      fc.property(documents, documents, fc.boolean(), (old, fresh, isComplete) => {
        const once = reconcileObject(old, fresh, isComplete);
        const twice = reconcileObject(once.documents, fresh, isComplete);
        expect(twice.stale).toEqual([]);
        expect(twice.documents).toEqual(once.documents);
      }),
    );
  });

  test("a document that shrank loses its tail, one that vanished loses all", () => {
    const old = [
      { key: "a", hash: "1", chunks: 5 },
      { key: "b", hash: "1", chunks: 2 },
    ];
    expect(stalePoints(old, [{ key: "a", hash: "2", chunks: 3 }])).toEqual([
      { document: "a", fromOrdinal: 3, toOrdinal: 5 },
      { document: "b", fromOrdinal: 0, toOrdinal: 2 },
    ]);
  });
});
