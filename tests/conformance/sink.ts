import { describe, expect, test } from "@jest/globals";
import {
  heldVector,
  type Payload,
  type PointRecord,
  type Searcher,
  type Sink,
  type StoredPoint,
  type StoreSchema,
  type VectorForm,
  type VectorPrecision,
} from "@millrace/core";
import { createSearcher, createSink, pointId, setPayloads } from "@millrace/workers";
import fc from "fast-check";
import { batchOf, formPoints, oddPoints, recordOf, schemaOf, searchPoints, toBatch, words } from "./sink-points.ts";

/** One place of a store: every call opens it anew. */
export interface StoreUnderTest {
  readonly sink: () => Sink;
  readonly searcher: () => Searcher;
  readonly isSearchable: boolean;
  /** Forms of vectors that it does not take. */
  readonly refuses?: readonly VectorPrecision[];
}

const smallForms: readonly VectorForm[] = [
  { precision: "float16" },
  { precision: "int8", step: 0.02 },
  { precision: "binary" },
];

/** What every Sink and Searcher must do. `make` gives a place where there is no store yet. */
export function describeSink(name: string, make: () => Promise<StoreUnderTest>): void {
  const opened = async (schema = schemaOf()) => {
    const store = await make();
    const sink = store.sink();
    await sink.open(schema);
    return { store, sink };
  };

  describe(`${name} is a Sink`, () => {
    test("opens again with an equal schema, takes another place of the model, refuses other vectors", async () => {
      const { store, sink } = await opened();
      await sink.close();
      await sink.open(schemaOf({ model: "/elsewhere/model" }));
      expect(await store.searcher().schema()).toMatchObject(schemaOf({ model: "/elsewhere/model" }));
      await sink.close();
      await expect(store.sink().open(schemaOf({ dimensions: 5 }))).rejects.toMatchObject({
        code: "E_STORE_SCHEMA",
        message: expect.stringContaining("4 dimensions"),
      });
      await expect(store.sink().open(schemaOf({ fingerprint: "other" }))).rejects.toMatchObject({
        code: "E_STORE_FINGERPRINT",
        message: expect.stringContaining("--store"),
      });
    });

    test("a place without a store is E_STORE_MISSING", async () => {
      const searcher = (await make()).searcher();
      const attempts = [() => searcher.schema(), () => searcher.count(), () => scanned(searcher)];
      for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: "E_STORE_MISSING" });
    });

    test("writing before open or after close is E_INTERNAL, as is a batch that is not consistent", async () => {
      const { store, sink } = await opened();
      await expect(store.sink().upsert(batchOf([]))).rejects.toMatchObject({ code: "E_INTERNAL" });
      const two = batchOf(["a", "b"]);
      const bad = [{ ...two, vectors: two.vectors.subarray(1) }, batchOf(["a", "a"])];
      for (const batch of bad) await expect(sink.upsert(batch)).rejects.toMatchObject({ code: "E_INTERNAL" });
      await sink.close();
      await expect(sink.upsert(two)).rejects.toMatchObject({ code: "E_INTERNAL" });
    });

    test("upserting the same ids again keeps one row each, with the new values", async () => {
      const { store, sink } = await opened();
      await sink.upsert(batchOf(["a", "b", "c"], "old"));
      await sink.upsert(batchOf(["c", "d", "a"], "new"));
      await expectPoints(store, [...batchOf(["b"], "old").records, ...batchOf(["a", "c", "d"], "new").records]);
      await sink.finish();
      await expectPoints(store, [...batchOf(["b"], "old").records, ...batchOf(["a", "c", "d"], "new").records]);
      await sink.close();
    });

    test("deletes ids, ignores unknown ones, and takes deleted ids again", async () => {
      const { store, sink } = await opened();
      await sink.upsert(batchOf(["a", "b", "it's", '"; --', "c"]));
      await sink.delete(["a", "it's", '"; --', "unknown", "' OR true OR '"]);
      await sink.delete([]);
      await expectPoints(store, batchOf(["b", "c"]).records);
      await sink.finish();
      await sink.upsert(batchOf(["a"], "again"));
      await sink.delete(["b"]);
      await expectPoints(store, [...batchOf(["a"], "again").records, ...batchOf(["c"]).records]);
      await sink.close();
    });

    test("deletes many ids", async () => {
      const { store, sink } = await opened();
      const ids = Array.from({ length: 5000 }, (_, index) => `id-${String(index).padStart(5, "0")}`);
      await sink.upsert(batchOf(ids));
      await sink.delete(ids.slice(0, 4990));
      await expectPoints(store, batchOf(ids.slice(4990)).records);
      await sink.close();
    });

    test("an empty store and empty batches are fine", async () => {
      const { store, sink } = await opened();
      await sink.upsert(batchOf([]));
      await sink.finish();
      await sink.finish();
      await expectPoints(store, []);
      await sink.close();
    });

    test("any text, payload and float comes back as it was", async () => {
      const { store, sink } = await opened();
      const points = oddPoints();
      await sink.upsert(toBatch(points));
      const expected = [...points].sort((a, b) => (a.record.id < b.record.id ? -1 : 1));
      expect(await scanned(store.searcher())).toEqual(expected);
      await sink.finish();
      await sink.close();
      const stored = await scanned(store.searcher());
      expect(stored).toEqual(expected);
      const bits = (point: StoredPoint) => [...new Uint32Array(point.vector.slice().buffer)];
      expect(stored.map(bits)).toEqual(expected.map(bits));
    });

    test("lists the ids of one corpus and takes points by their ids, as a scan has them", async () => {
      const { store, sink } = await opened();
      const points = oddPoints();
      await sink.upsert(toBatch(points));
      await sink.close();
      const searcher = store.searcher();
      const all = await scanned(searcher);
      for (const corpus of [...new Set(points.map(({ record }) => record.corpus)), "it's absent"]) {
        const ids: string[] = [];
        for await (const page of searcher.ids?.(corpus) ?? []) ids.push(...page);
        const expected = all.filter(({ record }) => record.corpus === corpus).map(({ record }) => record.id);
        if (searcher.ids !== undefined) expect(ids.sort()).toEqual([...expected].sort());
      }
      const some = all.filter((_, index) => index % 2 === 0);
      const found = await searcher.points?.([...some.map(({ record }) => record.id), "it's absent"]);
      const byId = (left: StoredPoint, right: StoredPoint) => (left.record.id < right.record.id ? -1 : 1);
      if (found !== undefined) expect([...found].sort(byId)).toEqual([...some].sort(byId));
      await searcher.close();
    });

    test("fields of documents' payloads are set beside the others, once", async () => {
      const { store, sink } = await opened();
      const pointsOf = (document: string, count: number) =>
        Array.from({ length: count }, (_, ordinal): StoredPoint => {
          const place = { corpus: "c", object: "a/b.md", document, ordinal };
          const record = recordOf({ id: pointId(place), document, ordinal, payload: { own: ordinal } });
          return { record, vector: Float32Array.of(ordinal + 1, 0.1, 2, -1e-7) };
        });
      // Of the last one the first chunk is in quarantine.
      const [long, short, gap] = [pointsOf("it's", 40), pointsOf("other", 2), pointsOf("gap", 3).slice(1)];
      await sink.upsert(toBatch([...long, ...short, ...gap]));
      const wishes = [
        { path: "a/b.md", document: "it's", payload: { summary: "s", own: [1] } },
        { path: "a/b.md", document: "absent", payload: { summary: "s" } },
        { path: "a/b.md", document: "gap", payload: { summary: { deep: null } } },
      ];
      const searcher = store.searcher();
      const set = () => setPayloads({ corpus: "c", searcher, sink }, asyncOf(wishes));
      if (searcher.points === undefined) {
        await expect(set()).rejects.toMatchObject({ code: "E_CONFIG" });
        return;
      }
      expect(await set()).toEqual({ documents: 2, missing: 1, points: 42 });
      expect(await set()).toEqual({ documents: 2, missing: 1, points: 0 });
      const changed = (points: readonly StoredPoint[], payload: Payload) =>
        points.map(({ record, vector }) => ({
          record: { ...record, payload: { ...record.payload, ...payload } },
          vector,
        }));
      const expected = [
        ...changed(long, { summary: "s", own: [1] }),
        ...short,
        ...changed(gap, { summary: { deep: null } }),
      ].sort((left, right) => (left.record.id < right.record.id ? -1 : 1));
      expect(await scanned(searcher)).toEqual(expected);
      await searcher.close();
      await sink.close();
    });

    test("finish is idempotent, and a store opened again sees and continues everything", async () => {
      const { store, sink } = await opened();
      await sink.upsert(batchOf(["a", "b"]));
      await sink.finish();
      await sink.finish();
      await sink.upsert(batchOf(["c"]));
      await sink.close();
      const again = store.sink();
      await again.open(schemaOf());
      await again.upsert(batchOf(["b", "d"], "new"));
      await again.finish();
      await again.close();
      await expectPoints(store, [...batchOf(["a", "c"]).records, ...batchOf(["b", "d"], "new").records]);
    });

    test("concurrent upserts of the same ids keep one row each", async () => {
      const { store, sink } = await opened();
      const ids = Array.from({ length: 50 }, (_, index) => `id-${index}`);
      await Promise.all(Array.from({ length: 8 }, () => sink.upsert(batchOf(ids))));
      await expectPoints(store, batchOf(ids).records);
      await Promise.all([sink.finish(), sink.upsert(batchOf(["more"])), sink.delete(["id-0"]), sink.finish()]);
      expect(await store.searcher().count()).toBe(50);
      await sink.close();
    });

    test("any sequence of writes ends as the same sequence on a map", async () => {
      const id = fc.constantFrom("a", "b", "c", "d", "e", "f");
      const step = fc.record({
        kind: fc.constantFrom("upsert", "upsert", "delete", "finish", "reopen"),
        ids: fc.uniqueArray(id, { maxLength: 6 }),
      });
      const property = fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const { store, sink } = await opened();
        const expected = new Map<string, PointRecord>();
        for (const [index, { kind, ids }] of steps.entries()) {
          const batch = batchOf(ids, `step ${index}`);
          if (kind === "upsert") await sink.upsert(batch);
          if (kind === "upsert") for (const record of batch.records) expected.set(record.id, record);
          if (kind === "delete") await sink.delete(ids);
          if (kind === "delete") for (const id of ids) expected.delete(id);
          if (kind === "finish") await sink.finish();
          if (kind === "reopen") await sink.close();
          if (kind === "reopen") await sink.open(schemaOf());
        }
        await expectPoints(store, [...expected.values()]);
        await sink.close();
      });
      await fc.assert(property, { numRuns: 12 });
    });

    test.each(smallForms)("holds vectors as $precision, or says what to do instead", async (form) => {
      const store = await make();
      const schema = schemaOf({ dimensions: 11, form });
      if (store.refuses?.includes(form.precision)) {
        const refusal = { code: "E_CONFIG", message: expect.stringMatching(/\. Use /) };
        await expect(store.sink().open(schema)).rejects.toMatchObject(refusal);
        await expect(store.searcher().schema()).rejects.toMatchObject({ code: "E_STORE_MISSING" });
        return;
      }
      const sink = store.sink();
      await sink.open(schema);
      const points = formPoints(11);
      await sink.upsert(toBatch(points));
      await sink.finish();
      await sink.close();
      const searcher = store.searcher();
      expect((await searcher.schema()).form).toEqual(form);
      const held = points.map(({ record, vector }) => ({ record, vector: heldVector(form, vector) }));
      const sorted = held.sort((a, b) => (a.record.id < b.record.id ? -1 : 1));
      const stored = await scanned(searcher);
      expect(stored).toEqual(sorted);
      const bits = (point: StoredPoint) => [...new Uint32Array(point.vector.slice().buffer)];
      expect(stored.map(bits)).toEqual(sorted.map(bits));
      for (const changes of [{ form: { precision: "float32" } as const }, { fingerprint: "other" }])
        await expect(store.sink().open({ ...schema, ...changes })).rejects.toMatchObject({
          code: changes.form === undefined ? "E_STORE_FINGERPRINT" : "E_STORE_SCHEMA",
        });
      if (store.isSearchable) await expectSearches(searcher, { name: `${name} of ${form.precision}`, schema, points });
      await searcher.close();
    });

    test("search is that of the memory store, or refused", async () => {
      const { store, sink } = await opened();
      const reference = createSink(`memory:reference of ${name}`);
      await reference.open(schemaOf());
      const points = searchPoints();
      for (const target of [sink, reference]) await target.upsert(toBatch(points));
      const searcher = store.searcher();
      const query = { vector: Float32Array.of(1, 0, 0, 0), top: 3, filters: [] };
      if (!store.isSearchable) {
        await expect(searcher.search(query)).rejects.toMatchObject({ code: "E_CONFIG" });
        return;
      }
      const expected = createSearcher(`memory:reference of ${name}`);
      const property = fc.asyncProperty(searchQuery, async (query) => {
        expect(await searcher.search(query)).toEqual(await expected.search(query));
      });
      await fc.assert(property, { numRuns: 100 });
      for (const field of filteredFields) {
        for (const pattern of [...words, "0", "2", "true", "f*e", "x", "*x*", "lang", "*"]) {
          const all = { ...query, top: 1000, filters: [{ field, pattern }] };
          expect(await searcher.search(all)).toEqual(await expected.search(all));
        }
      }
      const wrong = { ...query, vector: new Float32Array(3) };
      await expect(searcher.search(wrong)).rejects.toMatchObject({ code: "E_STORE_SCHEMA" });
      const unknown = { ...query, filters: [{ field: "id; drop", pattern: "" }] };
      await expect(searcher.search(unknown)).rejects.toMatchObject({ code: "E_USAGE" });
      await searcher.close();
      await sink.close();
    });
  });
}

interface SearchedPoints {
  readonly name: string;
  readonly schema: StoreSchema;
  readonly points: readonly StoredPoint[];
}

/** Exact searches find what the memory store finds; others, of signs, the same points as far as they find them. */
async function expectSearches(searcher: Searcher, { name, schema, points }: SearchedPoints): Promise<void> {
  const reference = createSink(`memory:reference of ${name}`);
  await reference.open(schema);
  await reference.upsert(toBatch(points));
  const expected = createSearcher(`memory:reference of ${name}`);
  for (const { vector } of points.slice(0, 12)) {
    const query = { vector, top: 5, filters: [{ field: "title", pattern: "*" }] };
    const exact = await expected.search(query);
    expect(await searcher.search({ ...query, isExact: true })).toEqual(exact);
    const found = await searcher.search(query);
    expect(found).toHaveLength(5);
    if (schema.form?.precision !== "binary") expect(found).toEqual(exact);
    else expect(found[0]?.score).toBe(exact[0]?.score);
  }
}

async function* asyncOf<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

export async function scanned(searcher: Searcher): Promise<readonly StoredPoint[]> {
  const points: StoredPoint[] = [];
  for await (const point of searcher.scan()) points.push(point);
  return points;
}

/** Ids and texts are compared; what else a point holds is another test's. */
async function expectPoints(store: StoreUnderTest, records: readonly PointRecord[]): Promise<void> {
  const searcher = store.searcher();
  const brief = (records: readonly PointRecord[]) => records.map(({ id, text }) => `${id}: ${text}`);
  const sorted = [...records].sort((a, b) => (a.id < b.id ? -1 : 1));
  expect(brief((await scanned(searcher)).map(({ record }) => record))).toEqual(brief(sorted));
  expect(await searcher.count()).toBe(records.length);
  await searcher.close();
}

const filteredFields = ["path", "title", "corpus", "document", "payload.lang", "payload.o'd\"d", "payload.absent"];
const pattern = fc.array(fc.constantFrom("*", "*", ...words), { maxLength: 4 }).map((pieces) => pieces.join(""));
const filter = fc.record({
  field: fc.constantFrom(...filteredFields),
  pattern: fc.oneof(pattern, pattern, fc.string({ unit: "grapheme", maxLength: 5 })),
});
const searchQuery = fc.record({
  vector: fc
    .array(fc.integer({ min: -3, max: 3 }), { minLength: 4, maxLength: 4 })
    .filter((values) => values.some((value) => value !== 0))
    .map((values) => Float32Array.from(values)),
  top: fc.constantFrom(0, 1, 2, 5, 10, 50, 1000),
  filters: fc.array(filter, { maxLength: 2 }),
});
