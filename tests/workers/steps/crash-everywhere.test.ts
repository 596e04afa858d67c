import { describe, expect, test } from "@jest/globals";
import { memoryBlobs } from "@millrace/workers";
import {
  expectedPoints,
  keysUnder,
  rangedLimits,
  runInMemory,
  smallLimits,
  storedPoints,
} from "../../support/memory-run.ts";
import { MemoryCorpus } from "../../support/memory-source.ts";

const rows = (count: number, text: string) =>
  Array.from({ length: count }, (_, row) => ({ id: String(row), text: `${text} ${row}` }));

/** Several pages, shards and parts; the second version changes, removes and adds, so that a commit has much to do. */
function change(corpus: MemoryCorpus, version: number): void {
  for (let object = 0; object < 11; object += 1) {
    if (object % 4 === version) corpus.objects.delete(`${object}.jsonl`);
    else if (object % 3 === version || version === 0)
      corpus.set(`${object}.jsonl`, rows(1 + (object % 5) * 2, `chunk ${version}`));
  }
}

async function expected(corpus: MemoryCorpus): Promise<ReadonlyMap<string, string>> {
  const points = new Map<string, string>();
  for (const [key, { rows }] of corpus.objects) {
    for (const row of rows) for (const point of await expectedPoints(key, row)) points.set(...point);
  }
  return points;
}

describe("a run that dies", () => {
  test.each([
    ["before", smallLimits],
    ["midway", smallLimits],
    ["after", smallLimits],
    ["after", rangedLimits],
  ] as const)("%s any of its operations is made good by the next", async (when, limits) => {
    let isOver = false;
    for (let at = 1; !isOver; at += at < 150 ? 13 : limits === smallLimits ? 1 : 5) {
      const corpus = new MemoryCorpus();
      const store = `crash-${when}-${at}-${limits.range.bytes}`;
      const run = { corpus, blobs: memoryBlobs(), store, limits };
      change(corpus, 0);
      await runInMemory(run);
      change(corpus, 1);
      isOver = (await runInMemory({ ...run, faults: [{ kind: "crash", at, when }] })).end === "done";
      change(corpus, 2);
      await runInMemory(run);
      expect({ at, points: await storedPoints(run.store) }).toEqual({ at, points: await expected(corpus) });
      for (const prefix of ["plan/", "done/", "batches/", "vectors/"])
        expect(await keysUnder(run.blobs, prefix)).toEqual([]);
    }
  });
});
