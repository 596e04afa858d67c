import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { cosineSimilarity } from "@millrace/core";
import { createGenerations, createSearcher, createSink, storeFolder, storeUri } from "@millrace/workers";
import { describeGenerations } from "../../conformance/generations.ts";
import { describeSink } from "../../conformance/sink.ts";
import { batchOf, recordOf, schemaOf } from "../../conformance/sink-points.ts";

const root = await mkdtemp(join(tmpdir(), "millrace-lancedb-"));
afterAll(() => rm(root, { recursive: true, force: true }));
const newFolder = async () => join(await mkdtemp(join(root, "store-")), "new", "folder");

describeSink("lancedb", async () => {
  const uri = `lancedb:${await newFolder()}`;
  return { sink: () => createSink(uri), searcher: () => createSearcher(uri), isSearchable: true, refuses: ["int8"] };
});

describeGenerations("lancedb", async () => `lancedb:${await newFolder()}`);

describe("lancedb", () => {
  test("a searcher that stays open sees later writes and compactions", async () => {
    const folder = await newFolder();
    const sink = createSink(folder);
    await sink.open(schemaOf());
    const searcher = createSearcher(folder);
    const query = { vector: batchOf(["7"]).vectors, top: 3, filters: [{ field: "title", pattern: "7*" }] };
    for (let round = 0; round < 40; round += 1) {
      await sink.upsert(batchOf(["7", `7 ${round}`], `${round}`));
      if (round % 10 === 9) await sink.finish();
      expect(await searcher.count()).toBe(round + 2);
      expect((await searcher.search(query))[0]?.record.text).toBe(`${round}`);
    }
    await searcher.close();
    await sink.close();
  });

  test("a store of one generation is kept as earlier versions know it, and takes a second one", async () => {
    const folder = await newFolder();
    const sink = createSink(folder);
    await sink.open(schemaOf());
    await sink.upsert(batchOf(["a"]));
    await sink.close();
    const description = async () => JSON.parse(await readFile(join(folder, "store.json"), "utf8"));
    const first = await description();
    expect(first).toMatchObject({ format: 1, driver: "lancedb", ...schemaOf() });
    expect(existsSync(join(folder, "points.lance"))).toBe(true);
    const next = createSink(`${folder}#next`);
    await next.open(schemaOf({ dimensions: 5 }));
    await next.close();
    const { format: _, driver, ...schema } = first;
    expect(await description()).toMatchObject({
      format: 2,
      driver,
      live: "ffffffff",
      generations: { ffffffff: { table: "points", ...schema }, next: { table: "points-next" } },
    });
    expect(await createSearcher(folder).count()).toBe(1);
    const generations = createGenerations(folder);
    await generations.drop("next");
    expect(await description()).toEqual(first);
    const tables = (await readdir(folder)).filter((name) => name !== "__manifest");
    expect(tables.sort()).toEqual(["points.lance", "store.json"]);
  });

  test.each([
    { live: "gone" },
    { live: 7 },
    { generations: null },
    { generations: { ffffffff: { ...schemaOf(), identity: "i", table: "../points" } } },
    { generations: { ffffffff: { table: "points" } } },
    { generations: { ffffffff: null } },
  ])("a description with %j is damaged", async (change) => {
    const folder = await newFolder();
    const generations = { ffffffff: { ...schemaOf(), identity: "i", table: "points" } };
    await mkdir(folder, { recursive: true });
    const write = (content: object) => writeFile(join(folder, "store.json"), JSON.stringify(content));
    await write({ format: 2, driver: "lancedb", live: "ffffffff", generations, ...change });
    await expect(createGenerations(folder).list()).rejects.toMatchObject({ code: "E_STORE" });
    await expect(createSink(folder).open(schemaOf())).rejects.toMatchObject({ code: "E_STORE" });
    await write({ format: 2, driver: "lancedb", live: "ffffffff", generations });
    await expect(createSink(`jsonl:${folder}`).open(schemaOf())).rejects.toMatchObject({ code: "E_CONFIG" });
    await createSink(folder).open(schemaOf());
  });

  test("a folder whose own name has a # ends with a slash", async () => {
    const folder = `${await newFolder()} c#`;
    expect(storeUri(`${folder}/`)).toBe(`lancedb:${folder}/`);
    expect(storeUri(`${folder}/#x`)).toBe(`lancedb:${folder}/#x`);
    expect(storeFolder(storeUri(`${folder}/#x`))).toBe(folder);
  });

  test("a large store gets an index, and what it passes by is still found", async () => {
    const folder = await newFolder();
    const sink = createSink(folder);
    await sink.open(schemaOf());
    const rowsPerBatch = 8192;
    const random = createRandom();
    const all: { id: string; vector: Float32Array }[] = [];
    for (let batch = 0; batch < 25; batch += 1) {
      const records = Array.from({ length: rowsPerBatch }, (_, row) => {
        return recordOf({ id: `${batch}/${row}`, ordinal: row, title: row < 2 ? "rare" : "", document: `${batch}` });
      });
      const vectors = Float32Array.from({ length: rowsPerBatch * 4 }, random);
      for (const [row, { id }] of records.entries()) all.push({ id, vector: vectors.subarray(row * 4, row * 4 + 4) });
      await sink.upsert({ records, vectors });
    }
    await sink.finish();
    const searcher = createSearcher(folder);
    expect(await searcher.count()).toBe(25 * rowsPerBatch);
    const vector = Float32Array.of(1, 0.5, -0.5, 0.1);
    const rare = await searcher.search({ vector, top: 100, filters: [{ field: "title", pattern: "rare" }] });
    expect(rare).toHaveLength(50);
    const [best] = await searcher.search({ vector, top: 1, filters: [] });
    expect(best?.score).toBeGreaterThan(0.999);
    const similarity = ({ vector: other }: { readonly vector: Float32Array }) => cosineSimilarity(vector, other);
    const nearest = all.sort((a, b) => similarity(b) - similarity(a)).slice(0, 20);
    const exact = await searcher.search({ vector, top: 20, filters: [], isExact: true });
    expect(exact.map(({ record }) => record.id)).toEqual(nearest.map(({ id }) => id));
    await searcher.close();
    await sink.close();
  });
});

/** Numbers from −0.5 to 0.5, the same ones each time. */
function createRandom(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}
