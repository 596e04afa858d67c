import { describe, expect, test } from "@jest/globals";
import { MillraceError, type Shard, shardBytes } from "@millrace/core";
import { memoryBlobs } from "@millrace/workers";
import { type FakeEncoder, fakeEncoder } from "../../support/fake-encoder.ts";
import {
  expectedPoints,
  keysUnder,
  type MemoryRun,
  rangedLimits,
  runInMemory,
  smallLimits,
  storedPoints,
} from "../../support/memory-run.ts";
import { MemoryCorpus } from "../../support/memory-source.ts";

const rows = (count: number, text = "the chunk of row") =>
  Array.from({ length: count }, (_, row) => ({ id: String(row), text: `${text} ${row}` }));

function corpusOf(objects: number): MemoryCorpus {
  const corpus = new MemoryCorpus();
  for (let object = 0; object < objects; object += 1) corpus.set(`${object}.jsonl`, rows(2));
  return corpus;
}

describe("plan", () => {
  test("does not take a listing that is empty for a removal, however many pages the removal has", async () => {
    const corpus = corpusOf(9);
    const run = { corpus, blobs: memoryBlobs(), store: "emptied", allowEmpty: false };
    await runInMemory(run);
    const points = await storedPoints("emptied");
    expect(9).toBeGreaterThan(2 * smallLimits.page.removed);
    corpus.objects.clear();
    await expect(runInMemory(run)).rejects.toMatchObject({ code: "E_CORPUS_EMPTY" });
    expect(await storedPoints("emptied")).toEqual(points);
    await runInMemory({ ...run, allowEmpty: true });
    expect((await storedPoints("emptied")).size).toBe(0);
  });

  test("removes the first pages of a corpus that still has others", async () => {
    const corpus = corpusOf(9);
    const run = { corpus, blobs: memoryBlobs(), store: "shrunk", allowEmpty: false };
    await runInMemory(run);
    for (const key of [...corpus.objects.keys()].slice(0, -1)) corpus.objects.delete(key);
    const { summary } = await runInMemory(run);
    expect([summary?.objects, summary?.documents]).toEqual([1, 2]);
  });
});

describe("an object that is worked on in ranges", () => {
  const run = (name: string) => {
    const corpus = new MemoryCorpus();
    corpus.set("a.jsonl", rows(1));
    corpus.set("b.jsonl", rows(30));
    return { corpus, blobs: memoryBlobs(), store: name, limits: { ...rangedLimits } };
  };
  const pointsOf = async (count: number) => {
    const points = new Map<string, string>();
    for (const row of rows(1)) for (const point of await expectedPoints("a.jsonl", row)) points.set(...point);
    for (const row of rows(count)) for (const point of await expectedPoints("b.jsonl", row)) points.set(...point);
    return points;
  };

  test("is several shards, and a second run finds nothing to do", async () => {
    const ranged = run("ranged");
    const shards = await shardsOf(ranged);
    expect(shards.map(({ objects }) => objects.map(({ key }) => key))).toEqual([
      ["a.jsonl"],
      ["b.jsonl"],
      ["b.jsonl"],
      ["b.jsonl"],
      ["b.jsonl"],
    ]);
    expect(shards.reduce((sum, shard) => sum + shardBytes(shard), 0)).toBe(
      (shards[0]?.objects[0]?.bytes ?? 0) + (shards[1]?.objects[0]?.bytes ?? 0),
    );
    const { summary, progress } = await runInMemory(ranged);
    expect([summary?.objects, summary?.documents, summary?.worked.bytes]).toEqual([
      2,
      31,
      shards.reduce((sum, shard) => sum + shardBytes(shard), 0),
    ]);
    expect(progress.filter(({ kind }) => kind === "split").length).toBeGreaterThan(10);
    const again = await runInMemory(ranged);
    expect(again.encodedRows).toBe(0);
    expect(again.progress.some(({ kind }) => kind === "split")).toBe(false);
  });

  test.each([1, 3, 4, 5, 6, 7, 8])(
    "keeps what it read of an object that changes at the %s. reading, and reads it again",
    async (at) => {
      const ranged = run(`changing-${at}`);
      let readings = 0;
      const { corpus } = ranged;
      const source = corpus.source.bind(corpus);
      corpus.source = (onOperation) => {
        return source(async (name) => {
          // The first is the head as the survey looks at it.
          if (name === "read" && readings++ === at) corpus.set("b.jsonl", rows(28));
          await onOperation?.(name);
        });
      };
      const { summary } = await runInMemory(ranged);
      expect(corpus.objects.get("b.jsonl")?.rows).toHaveLength(28);
      expect(await storedPoints(ranged.store)).toEqual(await pointsOf(28));
      expect([summary?.objects, summary?.documents]).toEqual([2, 29]);
      // What had been encoded before the change is known by its hash.
      expect(summary?.worked.unchangedDocuments).toBe((summary?.worked.documents ?? 0) - 29);
      expect(summary?.worked.documents).toBeLessThan(30 + 30);
      expect((await runInMemory(ranged)).progress.some(({ kind }) => kind === "split")).toBe(false);
    },
  );

  test.each([1, 2, 3, 4, 5])(
    "loses nothing where opening %s. after the survey says once that it changed",
    async (at) => {
      const ranged = run(`flickering-${at}`);
      let openings = 0;
      refuseOpening(ranged.corpus, (_, name) => name === "open" && openings++ === at);
      const { summary, progress } = await runInMemory(ranged);
      expect(progress.filter(({ kind }) => kind === "committing")).toHaveLength(2);
      expect(await storedPoints(ranged.store)).toEqual(await pointsOf(30));
      expect([summary?.documents, summary?.changedObjects]).toEqual([31, 0]);
    },
  );

  test("counts once as changed, in however many ranges that is seen", async () => {
    const ranged = run("restless");
    let isSurveyed = false;
    refuseOpening(ranged.corpus, ({ key }, name) => {
      const wasSurveyed = isSurveyed;
      isSurveyed = name === "open" && (isSurveyed || key === "b.jsonl");
      return wasSurveyed && key === "b.jsonl";
    });
    const { summary } = await runInMemory(ranged);
    expect(summary).toMatchObject({ documents: 1, changedObjects: 1 });
  });

  test.each([
    ["another", undefined, false],
    ["the same", "id", true],
  ] as const)("is planned again where an interrupted plan meant %s id field", async (name, idField, isResumed) => {
    const ranged = run(`ids-${name}`);
    const crashed = await runInMemory({ ...ranged, idField, faults: [{ kind: "crash", at: 60, when: "after" }] });
    expect([crashed.end, await keysUnder(ranged.blobs, "plan/")]).toEqual(["crashed", ["plan/000000.json"]]);
    const { summary, progress } = await runInMemory(ranged);
    expect(progress.find(({ kind }) => kind === "planned")).toMatchObject({ isResumed });
    expect(summary?.documents).toBe(31);
    expect(await storedPoints(ranged.store)).toEqual(await pointsOf(30));
  });
});

describe("a source whose server goes down", () => {
  test("ends the run, gives up no object, and the next run reads all of it", async () => {
    const corpus = corpusOf(9);
    let opened = 0;
    const source = corpus.source(async (name) => {
      if (name === "open") opened += 1;
      if (name === "open" && opened === 4) throw new MillraceError("E_UNREACHABLE", "the server is down");
    });
    const run = { corpus, source, blobs: memoryBlobs(), store: "down" };
    await expect(runInMemory(run)).rejects.toMatchObject({ code: "E_UNREACHABLE" });
    expect(await keysUnder(run.blobs, "quarantine/")).toEqual([]);
    const { summary } = await runInMemory(run);
    expect(summary).toMatchObject({ documents: 18, worked: { quarantined: 0 } });
  });
});

describe("steps whose answers are lost", () => {
  test("are done again without a trace, every one of them", async () => {
    const once = { corpus: corpusOf(9), blobs: memoryBlobs(), store: "once" };
    const twice = { ...once, blobs: memoryBlobs(), store: "twice", isRepeated: true };
    const expected = await runInMemory(once);
    const { summary, encodedRows } = await runInMemory(twice);
    expect(summary).toMatchObject({ documents: 18, points: expected.summary?.points });
    expect(encodedRows).toBe(expected.encodedRows);
    expect(await storedPoints("twice")).toEqual(await storedPoints("once"));
    for (const prefix of ["plan/", "done/", "batches/", "vectors/"])
      expect(await keysUnder(twice.blobs, prefix)).toEqual([]);
  });
});

describe("kept vectors", () => {
  test("stay where they are, and a full run encodes again", async () => {
    const run = { corpus: corpusOf(4), blobs: memoryBlobs(), store: "kept", keepVectors: true };
    const first = await runInMemory(run);
    const kept = await keysUnder(run.blobs, "vectors/");
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.every((key) => key.endsWith(".arrow") || key.startsWith("vectors/log/"))).toBe(true);
    expect((await runInMemory({ ...run, full: true })).encodedRows).toBe(first.encodedRows);
    expect(await keysUnder(run.blobs, "vectors/")).toEqual(expect.arrayContaining([...kept]));
    expect((await runInMemory({ ...run, store: "kept-anew" })).encodedRows).toBe(first.encodedRows);
  });
});

describe("a chunk no host can encode", () => {
  test("does not leave the one before it in the store", async () => {
    const corpus = corpusOf(1);
    const run = { corpus, blobs: memoryBlobs(), store: "poison" };
    await runInMemory(run);
    expect((await storedPoints("poison")).size).toBeGreaterThan(0);
    corpus.set("0.jsonl", rows(2, "another heading of"));
    const { summary } = await runInMemory({ ...run, encoder: refusing() });
    expect(summary?.worked.quarantined).toBe(summary?.worked.chunks);
    expect((await storedPoints("poison")).size).toBe(0);
    expect((await keysUnder(run.blobs, "quarantine/")).length).toBeGreaterThan(0);
  });

  test("an encoder that is of no use ends the run and quarantines nothing; the next run goes on", async () => {
    const run = { corpus: corpusOf(3), blobs: memoryBlobs(), store: "broken" };
    const failing = runInMemory({ ...run, encoder: refusing("E_HOST") });
    await expect(failing).rejects.toMatchObject({ code: "E_HOST" });
    expect(await keysUnder(run.blobs, "quarantine/")).toEqual([]);
    const { summary } = await runInMemory(run);
    expect((await storedPoints("broken")).size).toBe(summary?.worked.chunks);
  });
});

describe("a work folder that is damaged", () => {
  test.each(["manifest/head.json", "manifest/pages/", "plan/"])("in %s says so in one line", async (prefix) => {
    const run = { corpus: corpusOf(3), blobs: memoryBlobs(), store: `damaged-${prefix}` };
    await runInMemory(run);
    run.corpus.set("0.jsonl", rows(3));
    await runInMemory({ ...run, faults: [{ kind: "crash", at: 30, when: "after" }] });
    const [key] = await keysUnder(run.blobs, prefix);
    await run.blobs.put(key as string, Buffer.from('{"object":'));
    const error = await runInMemory(run).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "E_IO", what: expect.stringContaining(`${key}`) });
  });
});

function refusing(code: "E_ROW_ENCODE" | "E_HOST" = "E_ROW_ENCODE"): FakeEncoder {
  return { ...fakeEncoder(), rows: 0, encode: async () => Promise.reject(new MillraceError(code, "no")) };
}

/** Has openings fail as those of a changed object do; a listing is told, too, with no object. */
function refuseOpening(
  corpus: MemoryCorpus,
  refuses: (object: { key: string }, name: "open" | "list") => boolean,
): void {
  const sourceOf = corpus.source.bind(corpus);
  corpus.source = (onOperation) => {
    const source = sourceOf(onOperation);
    return {
      uri: source.uri,
      list(after) {
        refuses({ key: "" }, "list");
        return source.list(after);
      },
      async open(object) {
        if (refuses(object, "open")) throw new MillraceError("E_OBJECT_CHANGED", `${object.key} changed`);
        return source.open(object);
      },
    };
  };
}

/** Shards of the first page, as a run that dies right after it was planned leaves them. */
async function shardsOf(run: MemoryRun): Promise<readonly Shard[]> {
  for (let at = 1; ; at += 1) {
    await runInMemory({ ...run, faults: [{ kind: "crash", at, when: "after" }] });
    const page = await run.blobs.get("plan/000000.json");
    if (page !== undefined) return JSON.parse(Buffer.from(page).toString("utf8")).plan.shards;
  }
}
