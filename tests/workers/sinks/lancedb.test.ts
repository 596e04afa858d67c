import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { createSearcher, createSink } from "@millrace/workers";
import { describeSink } from "../../conformance/sink.ts";
import { batchOf, recordOf, schemaOf } from "../../conformance/sink-points.ts";

const root = await mkdtemp(join(tmpdir(), "millrace-lancedb-"));
afterAll(() => rm(root, { recursive: true, force: true }));
const newFolder = async () => join(await mkdtemp(join(root, "store-")), "new", "folder");

describeSink("lancedb", async () => {
  const uri = `lancedb:${await newFolder()}`;
  return { sink: () => createSink(uri), searcher: () => createSearcher(uri), isSearchable: true };
});

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

  test("a large store gets an index, and what it passes by is still found", async () => {
    const folder = await newFolder();
    const sink = createSink(folder);
    await sink.open(schemaOf());
    const rowsPerBatch = 8192;
    const random = createRandom();
    for (let batch = 0; batch < 25; batch += 1) {
      const records = Array.from({ length: rowsPerBatch }, (_, row) => {
        return recordOf({ id: `${batch}/${row}`, ordinal: row, title: row < 2 ? "rare" : "", document: `${batch}` });
      });
      await sink.upsert({ records, vectors: Float32Array.from({ length: rowsPerBatch * 4 }, random) });
    }
    await sink.finish();
    const searcher = createSearcher(folder);
    expect(await searcher.count()).toBe(25 * rowsPerBatch);
    const vector = Float32Array.of(1, 0.5, -0.5, 0.1);
    const rare = await searcher.search({ vector, top: 100, filters: [{ field: "title", pattern: "rare" }] });
    expect(rare).toHaveLength(50);
    const [best] = await searcher.search({ vector, top: 1, filters: [] });
    expect(best?.score).toBeGreaterThan(0.999);
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
