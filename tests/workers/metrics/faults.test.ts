import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "@jest/globals";
import {
  type BlobStore,
  type ErrorCode,
  type Job,
  MillraceError,
  type ReindexOptions,
  type ReindexSteps,
  type Steps,
} from "@millrace/core";
import {
  createEncodeSteps,
  createMetrics,
  folderBlobs,
  guardedBlobs,
  memoryBlobs,
  meteredReindexSteps,
  meteredSteps,
  openBlobs,
  openSource,
} from "@millrace/workers";
import { s3Keys } from "../../services/s3-server.ts";
import { temporaryFolder } from "../../support/command-line.ts";
import { writeFiles } from "../../support/corpus.ts";
import { onSmallDisk } from "../../support/failing-places.ts";
import { type FakeEncoder, fakeEncoder } from "../../support/fake-encoder.ts";
import { faultsIn } from "../../support/fault-counters.ts";
import { type MemoryRun, runInMemory } from "../../support/memory-run.ts";
import { MemoryCorpus } from "../../support/memory-source.ts";

type Given = Partial<MemoryRun>;

/** What is done to a run, and the one counter that hears of it. */
interface FaultClass {
  readonly name: string;
  readonly counted: Readonly<Record<string, number>>;
  /** Makes a run with the fault; undefined where this machine does not let the test make it. */
  readonly make: () => Promise<Given> | Given;
}

const error = (code: ErrorCode) => ({ [`errors_total{code="${code}"}`]: 1 });
const quarantined = (code: ErrorCode, rows = 1) => ({ [`quarantined_rows_total{code="${code}"}`]: rows });
const thrown = (code: ErrorCode) => () => Promise.reject(new MillraceError(code, "made up"));

function corpusOf(objects: number): MemoryCorpus {
  const corpus = new MemoryCorpus();
  for (let object = 0; object < objects; object += 1)
    corpus.set(`${object}.jsonl`, [{ id: "a", text: `row of ${object}` }]);
  return corpus;
}

async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<Given> {
  const folder = await temporaryFolder();
  await writeFiles(folder, files);
  return { source: await openSource({ location: folder, include: [], exclude: [] }) };
}

function encoderThat(encode: FakeEncoder["encode"]): Given {
  return { encoder: { ...fakeEncoder(), encode } };
}

/** Blobs that are somebody else's from a write on. */
function lostAfter(writes: number): BlobStore {
  let left = writes;
  return guardedBlobs(memoryBlobs(), async () => {
    left -= 1;
    if (left < 0) throw new MillraceError("E_STORE_BUSY", "the lock was lost");
  });
}

const server = createServer((_, response) => void response.writeHead(503).end());
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const row = (fields: object) => `${JSON.stringify(fields)}\n`;
const good = row({ id: "a", text: "good row" });

const classes: readonly FaultClass[] = [
  { name: "nothing", counted: {}, make: () => ({}) },
  {
    name: "a row that is none",
    counted: quarantined("E_ROW_PARSE"),
    make: () => folderOf({ "a.jsonl": `${good}{"id":\n` }),
  },
  {
    name: "rows without the field, with an id twice",
    counted: { ...quarantined("E_ROW_FIELD", 2), ...quarantined("E_ROW_DUPLICATE") },
    make: () => folderOf({ "a.jsonl": `${good}${row({ id: "b" })}${row({ id: "c" })}${good}` }),
  },
  {
    name: "a damaged stream",
    counted: quarantined("E_OBJECT_COMPRESSION"),
    make: () => folderOf({ "a.jsonl.gz": gzipSync(good).subarray(0, -9), "b.jsonl": good }),
  },
  {
    name: "an object that cannot be read",
    counted: quarantined("E_OBJECT_UNREADABLE"),
    make: () => {
      const corpus = corpusOf(2);
      const source = corpus.source();
      const open: typeof source.open = async (object) =>
        object.key === "0.jsonl" ? thrown("E_OBJECT_UNREADABLE")() : source.open(object);
      return { source: { ...source, open } };
    },
  },
  {
    name: "an object that changes while it is read",
    counted: { objects_changed_while_read_total: 1 },
    make: () => {
      const corpus = corpusOf(1);
      let isChanged = false;
      const source = corpus.source(async (operation) => {
        if (operation !== "open" || isChanged) return;
        isChanged = true;
        corpus.set("0.jsonl", [{ id: "a", text: "another row" }]);
      });
      return { corpus, source };
    },
  },
  {
    name: "a row that the engine fails on",
    counted: quarantined("E_ROW_ENCODE"),
    make: () => ({ corpus: corpusOf(1), ...encoderThat(thrown("E_ROW_ENCODE")) }),
  },
  { name: "an engine of no use", counted: error("E_HOST"), make: () => encoderThat(thrown("E_HOST")) },
  {
    name: "a store that refuses",
    counted: error("E_STORE"),
    make: () => ({ sink: (sink) => ({ ...sinkOf(sink), upsert: thrown("E_STORE") }) }),
  },
  {
    name: "a store that does not answer",
    counted: error("E_UNREACHABLE"),
    make: () => ({ sink: (sink) => ({ ...sinkOf(sink), finish: thrown("E_UNREACHABLE") }) }),
  },
  { name: "a lock that was lost", counted: error("E_STORE_BUSY"), make: () => ({ blobs: lostAfter(3) }) },
  {
    name: "a defect",
    counted: error("E_INTERNAL"),
    make: () => encoderThat(() => Promise.reject(new TypeError("undefined is not a function"))),
  },
  {
    name: "S3 that answers 503 for ever",
    counted: error("E_UNREACHABLE"),
    make: async () => {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      Object.assign(process.env, s3Keys, { AWS_ENDPOINT_URL_S3: endpoint, AWS_REGION: "us-east-1" });
      return { blobs: await openBlobs("s3://bucket/work") };
    },
  },
];

/** The same methods, also of a class. */
function sinkOf(sink: Parameters<NonNullable<MemoryRun["sink"]>>[0]) {
  return {
    open: sink.open.bind(sink),
    upsert: sink.upsert.bind(sink),
    delete: sink.delete.bind(sink),
    finish: sink.finish.bind(sink),
    close: sink.close.bind(sink),
  };
}

async function countedBy(given: Given, name: string): Promise<Readonly<Record<string, number>>> {
  const metrics = await createMetrics();
  const run = { corpus: corpusOf(1), blobs: memoryBlobs(), store: name, ...given, metrics };
  await runInMemory(run).catch(() => {});
  return faultsIn(await metrics.text());
}

test.each(classes)("$name is counted once, and nowhere else", async ({ name, counted, make }) => {
  expect(await countedBy(await make(), name)).toEqual(counted);
});

test("a full disk is counted once", async () => {
  const folder = await temporaryFolder();
  const isMounted = await onSmallDisk(folder, 1, async () => {
    await writeFiles(folder, { fills: new Uint8Array(1 << 20).subarray(0, (1 << 20) - 16_384) });
    expect(await countedBy({ corpus: corpusOf(1), blobs: folderBlobs(join(folder, "work")) }, "full")).toEqual(
      error("E_DISK_FULL"),
    );
  });
  if (!isMounted) process.stderr.write("skipped: no file system may be mounted here\n");
});

test("steps that fail before they begin, are cancelled, or judge a generation are counted once", async () => {
  const metrics = await createMetrics();
  const job = { corpus: "c", store: "memory:s" } as Job;
  const mismatch = meteredSteps(createEncodeSteps(thrown("E_MODEL_DIGEST")), metrics);
  await expect(mismatch.encode(job, [])).rejects.toThrow("made up");
  const cancelled = meteredSteps(
    { commit: () => Promise.reject(AbortSignal.abort().reason) } as Partial<Steps>,
    metrics,
  );
  await expect(cancelled.commit?.(job)).rejects.toThrow("aborted");
  const judging: Pick<ReindexSteps, "judge"> = meteredReindexSteps({ judge: thrown("E_GATE") }, metrics);
  await expect(judging.judge(job, {} as ReindexOptions)).rejects.toThrow("made up");
  expect(faultsIn(await metrics.text())).toEqual({
    ...error("E_MODEL_DIGEST"),
    ...error("E_GATE"),
    'steps_cancelled_total{stage="commit"}': 1,
  });
});
