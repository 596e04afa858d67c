import { describe, expect, test } from "@jest/globals";
import type { StoreSchema } from "@millrace/core";
import {
  createGenerations,
  createSearcher,
  createSink,
  generationOf,
  parseStoreUri,
  storeUri,
  storeWithGeneration,
} from "@millrace/workers";
import { scanned } from "./sink.ts";
import { batchOf, schemaOf } from "./sink-points.ts";

const other = schemaOf({ fingerprint: `0123456789${"e".repeat(54)}`, graph: "b".repeat(64), model: "/models/other" });

/** What the generations of a store must do. `make` gives the uri of a place where there is no store yet. */
export function describeGenerations(name: string, make: () => Promise<string>): void {
  describe(`${name} holds generations`, () => {
    test("the first is live and named by its fingerprint; a second changes nothing until it is promoted", async () => {
      const uri = await make();
      const generations = createGenerations(uri);
      expect(await generations.list()).toEqual([]);
      await fill(uri, { texts: ["a", "b"] });
      expect(await brief(uri)).toEqual(["ffffffff live"]);
      await fill(`${uri}#next`, { texts: ["c"], schema: other });
      expect(await brief(uri)).toEqual(["ffffffff live", "next"]);
      expect(await textsOf(uri)).toEqual(["a", "b"]);
      expect(await textsOf(`${uri}#ffffffff`)).toEqual(["a", "b"]);
      expect(await textsOf(`${uri}#next`)).toEqual(["c"]);
      await generations.promote("next");
      expect(await brief(uri)).toEqual(["ffffffff", "next live"]);
      expect(await textsOf(uri)).toEqual(["c"]);
      expect(await createSearcher(uri).schema()).toMatchObject(other);
      await expect(createSink(uri).open(schemaOf())).rejects.toMatchObject({ code: "E_STORE_FINGERPRINT" });
      await generations.promote("ffffffff");
      expect(await textsOf(uri)).toEqual(["a", "b"]);
      await generations.promote("ffffffff");
      expect(await brief(uri)).toEqual(["ffffffff live", "next"]);
      expect((await generations.list()).map(({ schema }) => schema)).toMatchObject([schemaOf(), other]);
      await generations.close();
    });

    test("a sink and a searcher that are open stay with their generation", async () => {
      const uri = await make();
      const generations = createGenerations(uri);
      const sink = createSink(uri);
      await sink.open(schemaOf());
      await sink.upsert(batchOf(["a"], "a"));
      const searcher = createSearcher(uri);
      expect(await searcher.count()).toBe(1);
      await fill(`${uri}#next`, { texts: ["c"], schema: other });
      await generations.promote("next");
      await sink.upsert(batchOf(["b"], "b"));
      await sink.delete(["a"]);
      await sink.finish();
      expect((await scanned(searcher)).map(({ record }) => record.text)).toEqual(["b"]);
      expect(await searcher.schema()).toMatchObject(schemaOf());
      const [hit] = await searcher.search({ vector: Float32Array.of(1, 0, 0, 0), top: 1, filters: [] });
      expect(hit?.record.text).toBe("b");
      expect(await textsOf(uri)).toEqual(["c"]);
      expect(await textsOf(`${uri}#ffffffff`)).toEqual(["b"]);
      await sink.close();
      await searcher.close();
      expect(await searcher.count()).toBe(1);
      expect(await searcher.schema()).toMatchObject(other);
      await searcher.close();
    });

    test("what is not live is dropped, also twice; the live one never", async () => {
      const uri = await make();
      const generations = createGenerations(uri);
      await fill(uri, { texts: ["a"] });
      await fill(`${uri}#next`, { texts: ["b"], schema: other });
      const left = createSearcher(uri);
      expect(await left.count()).toBe(1);
      await expect(generations.drop("ffffffff")).rejects.toMatchObject({
        code: "E_USAGE",
        message: expect.stringContaining("ffffffff"),
      });
      await generations.promote("next");
      await generations.drop("ffffffff");
      await generations.drop("ffffffff");
      await generations.drop("unknown");
      expect(await brief(uri)).toEqual(["next live"]);
      expect(await textsOf(uri)).toEqual(["b"]);
      await expect(left.count()).rejects.toMatchObject({ code: "E_STORE_MISSING" });
      await expect(createSearcher(`${uri}#ffffffff`).count()).rejects.toMatchObject({ code: "E_STORE_MISSING" });
      await expect(generations.promote("ffffffff")).rejects.toMatchObject({ code: "E_STORE_MISSING" });
      // The same name again is another filling: nothing of the old one is in it.
      await fill(`${uri}#ffffffff`, { texts: ["d"], schema: schemaOf({ dimensions: 4 }) });
      expect(await textsOf(`${uri}#ffffffff`)).toEqual(["d"]);
      expect(await textsOf(uri)).toEqual(["b"]);
      await left.close();
    });

    test("a generation that is filled first is not live, until the store is opened with the same schema", async () => {
      const uri = await make();
      await fill(`${uri}#ffffffff`, { texts: ["a"] });
      await fill(`${uri}#..`, { texts: ["b"], schema: other });
      expect(await brief(uri)).toEqual(["..", "ffffffff"]);
      await expect(createSearcher(uri).schema()).rejects.toMatchObject({ code: "E_STORE_MISSING" });
      await expect(createGenerations(uri).promote("nothing")).rejects.toMatchObject({ code: "E_STORE_MISSING" });
      await fill(uri, { texts: ["c"] });
      expect(await brief(uri)).toEqual(["..", "ffffffff live"]);
      expect(await textsOf(uri)).toEqual(["a", "c"]);
    });

    test("several sinks that open a new store at once all succeed, with one identity", async () => {
      const uri = await make();
      const sinks = Array.from({ length: 6 }, () => createSink(uri));
      const identities = await Promise.all(sinks.map((sink) => sink.open(schemaOf())));
      expect(new Set(identities).size).toBe(1);
      expect(await createSearcher(uri).schema()).toMatchObject({ identity: identities[0] });
      expect(await brief(uri)).toEqual(["ffffffff live"]);
      for (const sink of sinks) await sink.close();
    });

    test("a store whose name begins like a generation of another is its own", async () => {
      const uri = await make();
      await fill(uri, { texts: ["a"] });
      await fill(`${uri}-x`, { texts: ["b"], schema: other });
      expect(await brief(uri)).toEqual(["ffffffff live"]);
      expect(await brief(`${uri}-x`)).toEqual(["01234567 live"]);
      await createGenerations(uri).drop("x-01234567");
      expect(await textsOf(`${uri}-x`)).toEqual(["b"]);
    });

    test("the uri keeps the generation, and refuses names that are none", async () => {
      const uri = await make();
      expect(storeUri(`${uri}#ab12cd34`)).toBe(`${storeUri(uri)}#ab12cd34`);
      expect(generationOf(`${uri}#ab12cd34`)).toBe("ab12cd34");
      expect(generationOf(uri)).toBeUndefined();
      expect(storeWithGeneration(`${uri}#a`, "b")).toBe(`${storeUri(uri)}#b`);
      expect(storeWithGeneration(`${uri}#a`, undefined)).toBe(storeUri(uri));
      expect(parseStoreUri(`${uri}#a`)).toEqual({ ...parseStoreUri(uri), generation: "a" });
      for (const name of ["", "a b", "%2f", "ä", "x".repeat(65)]) {
        expect(() => createSink(`${uri}#${name}`)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
      }
    });
  });
}

interface Filling {
  readonly texts: readonly string[];
  readonly schema?: StoreSchema;
}

/** Writes a point for each text, with the text as its id. */
async function fill(uri: string, { texts, schema = schemaOf() }: Filling): Promise<void> {
  const sink = createSink(uri);
  await sink.open(schema);
  for (const text of texts) await sink.upsert(batchOf([text], text));
  await sink.finish();
  await sink.close();
}

async function textsOf(uri: string): Promise<readonly string[]> {
  const searcher = createSearcher(uri);
  const texts = (await scanned(searcher)).map(({ record }) => record.text);
  expect(await searcher.count()).toBe(texts.length);
  await searcher.close();
  return texts;
}

async function brief(uri: string): Promise<readonly string[]> {
  const generations = await createGenerations(uri).list();
  return generations.map(({ name, isLive }) => (isLive ? `${name} live` : name));
}
