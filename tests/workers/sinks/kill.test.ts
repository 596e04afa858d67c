import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { createGenerations, createSearcher, createSink } from "@millrace/workers";
import { batchOf } from "../../conformance/sink-points.ts";

const root = await mkdtemp(join(tmpdir(), "millrace-kill-"));
afterAll(() => rm(root, { recursive: true, force: true }));

const rowsPerBatch = 64;

describe.each([
  ["lancedb", 12],
  ["jsonl", 5],
  ["parquet", 5],
])("%s after kill -9 of the writer", (driver, kills) => {
  test("holds every acknowledged batch, whole batches only, no id twice", async () => {
    const uri = `${driver}:${join(root, driver)}`;
    let acknowledged = -1;
    let next = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      // The first kills come while the store is made, the later ones anywhere in a write or a compaction.
      acknowledged = Math.max(
        acknowledged,
        await writeUntilKilled(uri, next, kill < 2 ? kill : (driver === "lancedb" ? 150 : 500) * Math.random()),
      );
      next = await expectWholeBatches(uri, acknowledged);
    }
    expect(acknowledged).toBeGreaterThan(5);
  });
});

test("lancedb after kill -9 of a promotion has one of the generations live, whole", async () => {
  const uri = `lancedb:${join(root, "generations")}`;
  const schema = { dimensions: 4, distance: "cosine", graph: "g", model: "m" } as const;
  for (const [index, name] of ["one", "two"].entries()) {
    const sink = createSink(`${uri}#${name}`);
    await sink.open({ ...schema, fingerprint: name });
    await sink.upsert(batchOf(Array.from({ length: index + 1 }, (_, point) => `${point}`)));
    await sink.close();
  }
  await createGenerations(uri).promote("one");
  const seen = new Set<string>();
  for (let kill = 0; kill < 12; kill += 1) {
    const child = spawn(process.execPath, [join(import.meta.dirname, "promote-loop.mjs"), uri, "two", "one"]);
    await once(child.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, 60 * Math.random()));
    child.kill("SIGKILL");
    await once(child, "close");
    const live = (await createGenerations(uri).list()).filter(({ isLive }) => isLive);
    expect(live).toHaveLength(1);
    const searcher = createSearcher(uri);
    expect((await searcher.schema()).fingerprint).toBe(live[0]?.name);
    expect(await searcher.count()).toBe(live[0]?.name === "one" ? 1 : 2);
    await searcher.close();
    seen.add(live[0]?.name ?? "");
  }
  expect(seen.size).toBe(2);
});

/** @returns the last batch that was acknowledged, −1 where none was. */
async function writeUntilKilled(uri: string, from: number, milliseconds: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "upsert-loop.mjs"), uri, String(from)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (data) => {
    output += data;
  });
  await once(child.stdout, "data");
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  child.kill("SIGKILL");
  await once(child, "close");
  const lines = output.split("\n").slice(0, -1);
  expect(lines[0]).toBe("ready");
  return lines.length > 1 ? Number(lines.at(-1)) : -1;
}

/** @returns the number of the batch to go on with: the first that is not in the store. */
async function expectWholeBatches(uri: string, acknowledged: number): Promise<number> {
  const searcher = createSearcher(uri);
  const writers = new Map<number, Set<string>>();
  const ids = new Set<string>();
  let last = -1;
  for await (const { record, vector } of searcher.scan()) {
    expect(ids.has(record.id)).toBe(false);
    ids.add(record.id);
    const batch = Number(record.text);
    expect([...new Set(vector)]).toEqual([batch + 1]);
    last = Math.max(last, batch);
    const place = Number(record.path);
    writers.set(place, (writers.get(place) ?? new Set()).add(record.text));
  }
  await searcher.close();
  // At most the one batch that was being written when the process died may be there without having been acknowledged.
  expect(last - acknowledged === 0 || last - acknowledged === 1).toBe(true);
  for (let batch = 0; batch <= last; batch += 1) {
    if (batch % 3 === 2) continue;
    const repeated = batch % 3 === 0 && batch + 2 <= last;
    expect([...(writers.get(batch) ?? [])]).toEqual([String(repeated ? batch + 2 : batch)]);
  }
  expect(ids.size).toBe(writers.size * rowsPerBatch);
  return last + 1;
}
