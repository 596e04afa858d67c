import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { otherTinyModel, run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, pointsOf, writeFiles } from "../support/corpus.ts";

const index = ["index", "docs", "--model", tinyModel, "--json", "--hosts", "1"];

describe("index", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    await writeFiles(folder, {
      "docs/a.md": madeUpMarkdown(1),
      "docs/b.md": madeUpMarkdown(2),
      "docs/deep/c.txt": "plain words in a text file",
      "docs/rows.jsonl": '{"text":"first row"}\n{"text":"second row"}\n',
      "docs/empty.md": "  \n",
      "docs/picture.png": new Uint8Array([137, 80, 78, 71]),
    });
  });

  test("indexes every known format, and a second run does nothing but list", async () => {
    const first = await run(index, { cwd: folder });
    expect(first.code).toBe(0);
    expect(first.result).toMatchObject({
      objects: { newObjects: 5, unchangedObjects: 0 },
      documents: { documents: 6, emptyDocuments: 1, quarantined: 0 },
      store: { documents: 6 },
    });
    const second = await run(index, { cwd: folder });
    expect(second.code).toBe(0);
    expect(second.result).toMatchObject({
      objects: { newObjects: 0, changedObjects: 0, unchangedObjects: 5, bytes: 0 },
      documents: { documents: 0 },
      encoded: { chunks: 0, tokens: 0 },
      store: first.result.store,
    });
  });

  test("changed, added and removed files change exactly their points", async () => {
    const before = await pointsOf(join(folder, ".millrace/store"));
    await writeFiles(folder, {
      "docs/a.md": madeUpMarkdown(1, 1),
      "docs/new.md": madeUpMarkdown(3),
      "docs/rows.jsonl": '{"text":"first row"}\n{"text":"another"}\n{"text":"third"}\n',
    });
    await rm(join(folder, "docs/b.md"));
    const { code, result } = await run(index, { cwd: folder });
    expect(code).toBe(0);
    expect(result).toMatchObject({
      objects: { newObjects: 1, changedObjects: 2, removedObjects: 1, unchangedObjects: 2 },
      documents: { unchangedDocuments: 1 },
    });
    expect(result.deletedPoints).toBeGreaterThan(0);

    await rm(join(folder, ".millrace"), { recursive: true });
    await run(index, { cwd: folder });
    const afresh = await pointsOf(join(folder, ".millrace/store"));
    expect(afresh.size).toBe(result.store.points);
    expect(before.size).not.toBe(0);
  });

  test("refreshing gives the same store as indexing afresh, bit for bit", async () => {
    await writeFiles(folder, { "docs/a.md": madeUpMarkdown(9, 5) });
    await run(index, { cwd: folder });
    const refreshed = await pointsOf(join(folder, ".millrace/store"));
    await rm(join(folder, ".millrace"), { recursive: true });
    await run(index, { cwd: folder });
    expect(await pointsOf(join(folder, ".millrace/store"))).toEqual(refreshed);
  });

  test("a store that was deleted is filled again", async () => {
    const points = await pointsOf(join(folder, ".millrace/store"));
    await rm(join(folder, ".millrace/store"), { recursive: true });
    const { code } = await run(index, { cwd: folder });
    expect(code).toBe(0);
    expect(await pointsOf(join(folder, ".millrace/store"))).toEqual(points);
  });

  test("--full encodes everything again and changes nothing", async () => {
    const points = await pointsOf(join(folder, ".millrace/store"));
    const { result } = await run([...index, "--full"], { cwd: folder });
    expect(result.encoded.chunks).toBe(points.size);
    expect(await pointsOf(join(folder, ".millrace/store"))).toEqual(points);
  });

  test("leaves no batches, vectors or marks behind", async () => {
    const [job] = await readdir(join(folder, ".millrace/work"));
    const left = await readdir(join(folder, ".millrace/work", job as string), { recursive: true, withFileTypes: true });
    const files = left.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    expect(files.every((file) => file.includes("/manifest/"))).toBe(true);
  });

  test("another model or other chunking is refused, and the store stays as it was", async () => {
    const points = await pointsOf(join(folder, ".millrace/store"));
    const model = await run(["index", "docs", "--model", otherTinyModel, "--json"], { cwd: folder });
    expect([model.code, model.result.error?.code]).toEqual([4, "E_STORE_FINGERPRINT"]);
    const chunking = await run([...index, "--max-tokens", "32"], { cwd: folder });
    expect([chunking.code, chunking.result.error?.code]).toEqual([4, "E_STORE_FINGERPRINT"]);
    expect(await pointsOf(join(folder, ".millrace/store"))).toEqual(points);
  });

  test("two corpora share a store without touching each other", async () => {
    await writeFiles(folder, { "more/x.md": madeUpMarkdown(20) });
    const points = await pointsOf(join(folder, ".millrace/store"));
    const more = await run(["index", "more", "--model", tinyModel, "--json"], { cwd: folder });
    expect(more.code).toBe(0);
    const both = await pointsOf(join(folder, ".millrace/store"));
    expect([...points].every(([id, point]) => both.get(id) === point)).toBe(true);
    expect(both.size).toBe(points.size + more.result.store.points);
  });

  test("a source that lists nothing does not empty the store unless told so", async () => {
    await rm(join(folder, "more/x.md"));
    const refused = await run(["index", "more", "--model", tinyModel, "--json"], { cwd: folder });
    expect([refused.code, refused.result.error?.code]).toEqual([4, "E_CORPUS_EMPTY"]);
    const emptied = await run(["index", "more", "--model", tinyModel, "--json", "--allow-empty"], { cwd: folder });
    expect(emptied.code).toBe(0);
    expect(emptied.result).toMatchObject({ objects: { removedObjects: 1 }, store: { points: 0 } });
  });
});
