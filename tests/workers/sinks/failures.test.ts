import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import type { PointBatch } from "@millrace/core";
import { createGenerations, createSearcher, createSink, parseStoreUri, storeUri } from "@millrace/workers";
import { batchOf, schemaOf } from "../../conformance/sink-points.ts";
import { asOrdinaryUser, onSmallDisk } from "../../support/failing-places.ts";

const root = await mkdtemp(join(tmpdir(), "millrace-failures-"));
await chmod(root, 0o755);
afterAll(() => rm(root, { recursive: true, force: true }));
const newFolder = () => mkdtemp(join(root, "store-"));

const openStore = async (uri: string) => {
  const sink = createSink(uri);
  await sink.open(schemaOf());
  return sink;
};

describe("a store's uri", () => {
  test("names the driver and the place", () => {
    expect(parseStoreUri("lancedb:a/b")).toEqual({ driver: "lancedb", place: "a/b" });
    expect(parseStoreUri("./a:b")).toEqual({ driver: "lancedb", place: "./a:b" });
    expect(parseStoreUri("C:\\store")).toEqual({ driver: "lancedb", place: "C:\\store" });
    expect(parseStoreUri("memory:x:y")).toEqual({ driver: "memory", place: "x:y" });
  });

  test.each(["jsonl", "parquet"])("%s holds one generation", (driver) => {
    const expected = { code: "E_CONFIG", message: expect.stringContaining("one generation only") };
    for (const call of [createSink, createSearcher, storeUri]) {
      expect(() => call(`${driver}:folder#next`)).toThrow(expect.objectContaining(expected));
    }
    expect(() => createGenerations(`${driver}:folder`)).toThrow(expect.objectContaining(expected));
    expect(storeUri(`${driver}:/c#/folder`)).toBe(`${driver}:/c#/folder`);
  });

  test.each(["redis:x", "s3://bucket/x", "toString:x", "jsonl:", ""])("%j is E_CONFIG", (uri) => {
    const expected = { code: "E_CONFIG", message: expect.stringContaining("lancedb:, jsonl:, parquet:, memory:") };
    expect(() => createSink(uri)).toThrow(expect.objectContaining(expected));
    expect(() => createSearcher(uri)).toThrow(expect.objectContaining(expected));
  });
});

describe.each(["lancedb", "jsonl", "parquet"])("%s", (driver) => {
  test("a damaged description is E_STORE, one of another version too", async () => {
    const folder = await newFolder();
    await (await openStore(`${driver}:${folder}`)).close();
    const path = join(folder, "store.json");
    const text = await readFile(path, "utf8");
    for (const damaged of [text.slice(0, 40), "", "null", "{}", text.replace('"format": 1', '"format": 2')]) {
      await writeFile(path, damaged);
      const expected = { code: "E_STORE", message: expect.stringContaining(path) };
      await expect(openStore(`${driver}:${folder}`)).rejects.toMatchObject(expected);
      await expect(createSearcher(`${driver}:${folder}`).schema()).rejects.toMatchObject(expected);
    }
  });

  test("a file in the place of the folder, or on the way to it, is E_CONFIG", async () => {
    const file = join(await newFolder(), "file");
    await writeFile(file, "");
    for (const place of [file, join(file, "below")]) {
      await expect(openStore(`${driver}:${place}`)).rejects.toMatchObject({
        code: "E_CONFIG",
        message: expect.stringContaining(place),
      });
    }
  });

  test("the folder of another driver is E_CONFIG", async () => {
    const folder = await newFolder();
    await (await openStore(`${driver}:${folder}`)).close();
    const other = driver === "jsonl" ? "parquet" : "jsonl";
    await expect(openStore(`${other}:${folder}`)).rejects.toMatchObject({ code: "E_CONFIG" });
  });

  test("a folder that cannot be written is E_STORE_READ_ONLY, whether new, opened again or while writing", async () => {
    const folder = await newFolder();
    const sink = await openStore(`${driver}:${folder}`);
    await sink.upsert(batchOf(["a"]));
    const writable = ["parts", "points.lance", "points.lance/data", "points.lance/_versions"].map((name) =>
      join(folder, name),
    );
    for (const path of [folder, ...writable]) await chmod(path, 0o555).catch(() => undefined);
    const expected = { code: "E_STORE_READ_ONLY", message: expect.stringContaining(folder) };
    await asOrdinaryUser(async () => {
      await expect(sink.upsert(batchOf(["b"]))).rejects.toMatchObject(expected);
      await expect(openStore(`${driver}:${folder}`)).rejects.toMatchObject(expected);
      await expect(openStore(`${driver}:${join(folder, "new")}`)).rejects.toMatchObject(expected);
      expect(await createSearcher(`${driver}:${folder}`).count()).toBe(1);
    });
    for (const path of [folder, ...writable]) await chmod(path, 0o755).catch(() => undefined);
    await sink.upsert(batchOf(["b"]));
    expect(await createSearcher(`${driver}:${folder}`).count()).toBe(2);
    await sink.close();
  });

  test("a full disk is E_DISK_FULL, and what was acknowledged stays", async () => {
    const folder = await newFolder();
    const wasTried = await onSmallDisk(folder, 3, async () => {
      const sink = await openStore(`${driver}:${join(folder, "store")}`);
      const acknowledged = await fill((batch) => sink.upsert(batch));
      await sink.close();
      expect(acknowledged).toBeGreaterThan(0);
      expect(await createSearcher(`${driver}:${join(folder, "store")}`).count()).toBe(acknowledged * 20);
    });
    if (!wasTried) process.stderr.write("skipped: no file system can be mounted here\n");
  });
});

test("a foreign table of the same name is E_STORE_SCHEMA", async () => {
  const folder = await newFolder();
  const sink = createSink(folder);
  await sink.open(schemaOf({ dimensions: 3 }));
  await sink.close();
  await rm(join(folder, "store.json"));
  await expect(openStore(folder)).rejects.toMatchObject({ code: "E_STORE_SCHEMA" });
});

test("a table that was never made is E_STORE_MISSING", async () => {
  const folder = await newFolder();
  await (await openStore(folder)).close();
  await rm(join(folder, "points.lance"), { recursive: true });
  await expect(createSearcher(folder).count()).rejects.toMatchObject({ code: "E_STORE_MISSING" });
  const searcher = createSearcher(join(folder, "nothing"));
  await expect(searcher.count()).rejects.toMatchObject({ message: expect.stringContaining("millrace index") });
  await expect(mkdir(join(folder, "nothing"))).resolves.toBeUndefined();
});

/** @returns how many batches of 20 points were acknowledged before the disk was full. */
async function fill(upsert: (batch: PointBatch) => Promise<void>): Promise<number> {
  for (let batch = 0; batch < 200; batch += 1) {
    const ids = Array.from({ length: 20 }, (_, index) => `${batch}/${index}`);
    const { records, vectors } = batchOf(ids);
    const points = {
      records: records.map((record) => ({ ...record, text: randomBytes(2000).toString("hex") })),
      vectors,
    };
    try {
      await upsert(points);
    } catch (error) {
      expect(error).toMatchObject({ code: "E_DISK_FULL", message: expect.stringContaining("Free space") });
      return batch;
    }
  }
  throw new Error("the disk did not become full");
}
