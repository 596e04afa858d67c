import { describe, expect, test } from "@jest/globals";
import { type Encoder, MillraceError, type TokenBatch } from "@millrace/core";
import { memoryBlobs } from "@millrace/workers";
import { type FakeEncoder, fakeEncoder } from "../../support/fake-encoder.ts";
import {
  expectedPoints,
  keysUnder,
  type MemoryOutcome,
  quarantinedObjects,
  runInMemory,
  storedPoints,
} from "../../support/memory-run.ts";
import { MemoryCorpus, type MemoryRow } from "../../support/memory-source.ts";

const rows = (count: number, text: string): readonly MemoryRow[] =>
  Array.from({ length: count }, (_, row) => ({ id: String(row), text: `${text} ${row}` }));
const retry = { scope: "quarantined" as const };

function corpusOf(objects: number): MemoryCorpus {
  const corpus = new MemoryCorpus();
  for (let object = 0; object < objects; object += 1) corpus.set(`${object}.jsonl`, rows(3, `the chunk of ${object}`));
  return corpus;
}

async function pointsOf(corpus: MemoryCorpus): Promise<ReadonlyMap<string, string>> {
  const points = new Map<string, string>();
  for (const [key, { rows }] of corpus.objects) {
    for (const row of rows) for (const point of await expectedPoints(key, row)) points.set(...point);
  }
  return points;
}

function planned({ progress }: MemoryOutcome): number {
  return progress.reduce((sum, event) => sum + (event.kind === "planned" ? event.counts.changedObjects : 0), 0);
}

function read({ progress }: MemoryOutcome): number {
  return progress.reduce((sum, event) => sum + (event.kind === "split" ? event.counts.documents : 0), 0);
}

/** Refuses rows that hold the token which only the words of `poisonous` have. */
function refusing(isPoisoned: (batch: TokenBatch) => boolean): FakeEncoder {
  const encoder = fakeEncoder();
  return {
    ...encoder,
    rows: 0,
    encode: async (batch) => {
      if (isPoisoned(batch)) throw new MillraceError("E_ROW_ENCODE", "no");
      return encoder.encode(batch);
    },
  } satisfies Encoder & { rows: number };
}

describe("retry", () => {
  test("heals an object that is repaired, reads nothing else, and leaves other changes to index", async () => {
    const corpus = corpusOf(9);
    const run = { corpus, blobs: memoryBlobs(), store: "repaired" };
    corpus.set("4.jsonl", rows(5, "the heading of"), 2);
    await runInMemory(run);
    expect(await quarantinedObjects(run.blobs)).toEqual(new Set(["4.jsonl"]));

    corpus.set("4.jsonl", rows(5, "the heading of"));
    corpus.set("1.jsonl", rows(3, "changed meanwhile"));
    corpus.set("new.jsonl", rows(3, "new meanwhile"));
    const gone = corpus.objects.get("7.jsonl");
    corpus.objects.delete("7.jsonl");
    const before = await storedPoints("repaired");
    const healed = await runInMemory({ ...run, ...retry });
    expect([planned(healed), read(healed), healed.summary?.deletedPoints]).toEqual([1, 5, 0]);
    expect(await keysUnder(run.blobs, "quarantine/")).toEqual([]);
    const after = await storedPoints("repaired");
    for (const [id, point] of before) expect(after.get(id)).toBe(point);
    expect(after.size - before.size).toBe(healed.encodedRows);

    expect(gone).toBeDefined();
    await runInMemory(run);
    expect(await storedPoints("repaired")).toEqual(await pointsOf(corpus));
  });

  test("encodes a poisoned chunk's document again once the engine takes it, and no other", async () => {
    const corpus = corpusOf(6);
    const run = { corpus, blobs: memoryBlobs(), store: "poisoned" };
    let calls = 0;
    const isPoisoned = ({ rows }: TokenBatch) => rows === 1 && calls++ === 0;
    const first = await runInMemory({ ...run, encoder: refusing((batch) => batch.rows > 1 || isPoisoned(batch)) });
    expect(first.summary?.worked.quarantined).toBe(1);
    expect((await runInMemory(run)).encodedRows).toBe(0);
    expect((await quarantinedObjects(run.blobs)).size).toBe(1);

    const stillBad = await runInMemory({ ...run, ...retry, encoder: refusing(() => true) });
    expect(stillBad.summary?.worked.quarantined).toBeGreaterThan(0);
    expect((await quarantinedObjects(run.blobs)).size).toBe(1);

    const healed = await runInMemory({ ...run, ...retry });
    const ofOneDocument = (await expectedPoints("0.jsonl", rows(1, "the chunk of 0")[0] as MemoryRow)).size;
    expect([planned(healed), healed.encodedRows]).toEqual([1, ofOneDocument]);
    expect(await keysUnder(run.blobs, "quarantine/")).toEqual([]);
    expect(await storedPoints("poisoned")).toEqual(await pointsOf(corpus));
  });

  test("an index run that encodes a poisoned document anew, or finds it gone, takes it from the quarantine", async () => {
    const corpus = corpusOf(3);
    const run = { corpus, blobs: memoryBlobs(), store: "outlived" };
    await runInMemory({ ...run, encoder: refusing(() => true) });
    expect((await quarantinedObjects(run.blobs)).size).toBe(3);
    corpus.objects.delete("0.jsonl");
    corpus.set("1.jsonl", rows(3, "another heading of"));
    await runInMemory(run);
    expect(await quarantinedObjects(run.blobs)).toEqual(new Set(["2.jsonl"]));
  });

  test("killed anywhere, it goes on; what is still bad stays in quarantine, said once", async () => {
    let isOver = false;
    for (let at = 1; !isOver; at += 1) {
      const corpus = corpusOf(4);
      const run = { corpus, blobs: memoryBlobs(), store: `retry-${at}` };
      for (const object of [0, 2, 3]) corpus.set(`${object}.jsonl`, rows(4, "the heading of"), 1);
      await runInMemory(run);
      for (const object of [0, 2]) corpus.set(`${object}.jsonl`, rows(4, "the heading of"));
      const when = (["before", "midway", "after"] as const)[at % 3] as "before";
      isOver = (await runInMemory({ ...run, ...retry, faults: [{ kind: "crash", at, when }] })).end === "done";
      await runInMemory({ ...run, ...retry });
      expect({ at, left: [...(await quarantinedObjects(run.blobs))] }).toEqual({ at, left: ["3.jsonl"] });
      expect((await keysUnder(run.blobs, "quarantine/")).length).toBe(1);
      corpus.set("3.jsonl", rows(1, "the heading of"));
      await runInMemory({ ...run, ...retry });
      const points = await storedPoints(run.store);
      expect({ at, points: [...points].sort() }).toEqual({ at, points: [...(await pointsOf(corpus))].sort() });
      for (const prefix of ["plan/", "done/", "batches/", "quarantine/"])
        expect(await keysUnder(run.blobs, prefix)).toEqual([]);
    }
  });

  test("does not finish an index run that was interrupted, and does nothing where nothing was indexed", async () => {
    const corpus = corpusOf(9);
    const run = { corpus, blobs: memoryBlobs(), store: "unfinished" };
    await expect(runInMemory({ ...run, ...retry })).rejects.toMatchObject({ code: "E_JOB_UNFINISHED" });
    await runInMemory({ ...run, faults: [{ kind: "crash", at: 40, when: "after" }] });
    const refused = runInMemory({ ...run, ...retry });
    await expect(refused).rejects.toMatchObject({ code: "E_JOB_UNFINISHED", fix: expect.stringContaining("index") });
    await runInMemory(run);
    const empty = await runInMemory({ ...run, ...retry });
    expect([empty.end, planned(empty), empty.summary?.objects]).toEqual(["done", 0, 9]);
    await expect(runInMemory({ ...run, ...retry, idField: undefined })).rejects.toMatchObject({
      code: "E_JOB_UNFINISHED",
    });
  });
});
