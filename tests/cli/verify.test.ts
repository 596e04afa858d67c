import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { connect } from "@lancedb/lancedb";
import type { PointRecord, VerifyReport } from "@millrace/core";
import { createSearcher, createSink } from "@millrace/workers";
import { type Finished, run, temporaryFolder, tinyModel } from "../support/command-line.ts";
import { madeUpMarkdown, writeFiles } from "../support/corpus.ts";

type Result = Finished["result"] & VerifyReport & { readonly job: string; readonly worstCosine: number };

let folder: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  for (let file = 0; file < 12; file += 1) await writeFiles(folder, { [`docs/${file}.md`]: madeUpMarkdown(file) });
  await writeFiles(folder, { "docs/rows.jsonl": '{"text":"a row"}\n{"text": broken}\n{"text":"another"}\n' });
  const { code, result } = await index("docs", "lance");
  expect([code, result.quarantined]).toEqual([3, 1]);
}, 60_000);

function index(source: string, store: string): Promise<Finished> {
  return run(["index", source, "--model", tinyModel, "--json", "--hosts", "1", "--store", store], { cwd: folder });
}

async function verify(...args: readonly string[]): Promise<Finished & { readonly result: Result }> {
  const finished = await run(["verify", "--json", "--hosts", "1", "--sample", "1000", ...args], { cwd: folder });
  return finished as Finished & { readonly result: Result };
}

/** A copy of the store in place of the store, changed. */
async function spoilt(change: (records: readonly PointRecord[], vectors: readonly Float32Array[]) => Promise<void>) {
  await cp(join(folder, "lance"), join(folder, "kept"), { recursive: true });
  const records: PointRecord[] = [];
  const vectors: Float32Array[] = [];
  for await (const { record, vector } of createSearcher(join(folder, "lance")).scan()) {
    records.push(record);
    vectors.push(vector);
  }
  await change(records, vectors);
  const finished = await verify();
  await rm(join(folder, "lance"), { recursive: true });
  await cp(join(folder, "kept"), join(folder, "lance"), { recursive: true });
  await rm(join(folder, "kept"), { recursive: true });
  return finished;
}

async function inStore(work: (sink: ReturnType<typeof createSink>) => Promise<void>): Promise<void> {
  const sink = createSink(join(folder, "lance"));
  await sink.open(await createSearcher(join(folder, "lance")).schema());
  await work(sink);
  await sink.close();
}

describe("verify", () => {
  test("says that all is there, with every vector compared; the only job needs no name", async () => {
    const { code, result, stderr } = await verify();
    expect(stderr).not.toMatch(/^error/m);
    expect([code, result.ok, result.sampled]).toEqual([0, true, result.points]);
    expect(result).toMatchObject({
      missing: { count: 0 },
      unexpected: { count: 0 },
      doubled: { count: 0 },
      mismatches: [],
    });
    expect([result.quarantined, result.quarantine]).toEqual([1, { E_ROW_PARSE: 1 }]);
    expect(result.worstCosine).toBeGreaterThan(0.99999);
  });

  test("finds a lost point, and where it was from", async () => {
    const { code, result, stderr } = await spoilt(async ([record]) => {
      await inStore((sink) => sink.delete([(record as PointRecord).id]));
    });
    expect([code, result.error?.code, result.missing.count]).toEqual([5, "E_VERIFY", 1]);
    expect(stderr).toContain(result.missing.first[0]?.object as string);
    expect(stderr.match(/^error /gm)).toHaveLength(1);
  });

  test("finds a point that nobody planned", async () => {
    const { code, result } = await spoilt(async ([record], [vector]) => {
      const phantom = { ...(record as PointRecord), id: "00000000-0000-5000-8000-000000000000", ordinal: 99 };
      await inStore((sink) => sink.upsert({ records: [phantom], vectors: vector as Float32Array }));
    });
    expect(code).toBe(5);
    expect(result.unexpected).toMatchObject({
      count: 1,
      first: [{ id: "00000000-0000-5000-8000-000000000000", ordinal: 99 }],
    });
  });

  test("finds a point that is stored twice", async () => {
    const { code, result } = await spoilt(async () => {
      const connection = await connect(join(folder, "lance"));
      const table = await connection.openTable("points");
      await table.add(await table.query().limit(1).toArrow());
      connection.close();
    });
    expect([code, result.doubled.count, result.missing.count, result.unexpected.count]).toEqual([5, 1, 0, 0]);
  });

  test("finds vectors that changed places", async () => {
    const { code, result } = await spoilt(async (records, vectors) => {
      const [first, last] = [records[0], records.at(-1)] as [PointRecord, PointRecord];
      const swapped = Float32Array.from([...(vectors.at(-1) as Float32Array), ...(vectors[0] as Float32Array)]);
      await inStore((sink) => sink.upsert({ records: [first, last], vectors: swapped }));
    });
    expect([code, result.missing.count, result.unexpected.count]).toEqual([5, 0, 0]);
    expect(result.worstCosine).toBeLessThan(0.9999);
  });

  test("sees that the store is another one than the manifest's", async () => {
    const { code, result } = await spoilt(async () => {
      const schema = await createSearcher(join(folder, "lance")).schema();
      await rm(join(folder, "lance"), { recursive: true });
      const sink = createSink(join(folder, "lance"));
      await sink.open(schema);
      await sink.close();
    });
    expect([code, result.points, result.mismatches.map(({ what }) => what)]).toEqual([5, 0, ["the manifest's store"]]);
    expect(result.missing.count).toBeGreaterThan(20);
    expect(result.missing.first).toHaveLength(20);
  });

  test("without a sample needs no model", async () => {
    const { code, result } = await verify("--sample", "0", "--model", "no/such-model");
    expect([code, result.sampled]).toEqual([0, 0]);
  });

  test("exports and other corpora: only the job's own points count", async () => {
    await writeFiles(folder, { "more/a.md": "# Another corpus\n\nin the same store" });
    expect((await index("more", "lance")).code).toBe(0);
    expect((await index("more", "jsonl:export")).code).toBe(0);
    for (const job of [join(folder, "docs"), join(folder, "more"), "export"]) {
      const args = job === "export" ? [job] : [await idOf(job)];
      const { code, result } = await verify(...args);
      expect({ job, code, sampled: result.sampled }).toEqual({ job, code: 0, sampled: result.points });
    }
  });
});

async function idOf(source: string): Promise<string> {
  const jobs = join(folder, ".millrace/work/jobs");
  for (const name of await readdir(jobs)) {
    const job = JSON.parse(await readFile(join(jobs, name), "utf8"));
    if (job.source.location === source && job.store.endsWith("lance")) return name.slice(0, 8);
  }
  throw new Error(`no job of ${source}`);
}

describe("a job's name", () => {
  test("is its store's last part, its corpus, or the beginning of its id; --store chooses without a name", async () => {
    for (const args of [
      ["export"],
      ["--store", "jsonl:export"],
      [`file://${join(folder, "more")}`, "--store", "jsonl:export"],
    ]) {
      const { code, result, stderr } = await verify("--sample", "0", ...args);
      expect({ args, code, stderr }).toMatchObject({ args, code: 0 });
      expect(result.points).toBe(1);
    }
  });

  test.each([
    [[], 2, /^error E_USAGE: there are several jobs: (?=.*→ lancedb:)(?=.*→ jsonl:)/m],
    [["lance"], 2, /^error E_USAGE: several jobs are called lance: /m],
    [["nobody"], 4, /^error E_JOB_MISSING: .* called nobody: there are: /m],
    [["--work", "nowhere"], 4, /^error E_JOB_MISSING: .*nothing was indexed with this work folder/m],
    [["--store", "nowhere"], 4, /^error E_JOB_MISSING: .*into .*nowhere/m],
  ] as const)("%p is an error of one line", async (args, code, line) => {
    const finished = await verify(...args);
    expect([finished.code, finished.stderr.match(/^error .*$/gm)?.length]).toEqual([code, 1]);
    expect(finished.stderr).toMatch(line);
  });

  test("is known where the work folder was moved to; a damaged job says which file it is", async () => {
    await cp(join(folder, ".millrace/work"), join(folder, "moved"), { recursive: true });
    expect((await verify("export", "--work", "moved")).code).toBe(0);
    const [name] = await readdir(join(folder, "moved/jobs"));
    await writeFile(join(folder, "moved/jobs", name as string), "{");
    const { code, stderr } = await verify("export", "--work", "moved");
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^error E_IO: the file jobs\/\w+\.json .*\n$/)]);
  });
});
