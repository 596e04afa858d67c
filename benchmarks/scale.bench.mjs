import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  bundleWorkflows,
  createChunker,
  createEncodeSteps,
  createIoSteps,
  fleetWorkLimits,
  folderBlobs,
  KnownVectors,
  openJobs,
  runWorkers,
  ShardSplitter,
} from "@millrace/workers";
import { encodeQueue, ioQueue, orchestrateQueue } from "@millrace/workflows";
import { cacheFolder } from "../packages/cli/bin/node-version.mjs";
import { startTemporal } from "../tests/services/temporal-server.ts";
import { openModel } from "./model.mjs";
import { sampleMemory } from "./process-tree.mjs";
import { writeReport } from "./report.mjs";

/**
 * A job of many documents on a real Temporal server: everything is real but source, encoder and store, which are made up,
 * so that what is measured is orchestration, splitting and bookkeeping. Shows events per batch and whether memory stays
 * bounded. `npm run bench scale -- --documents 10000000` is the size that results are published for.
 */
const { values } = parseArgs({
  options: { documents: { type: "string", default: "200000" }, perObject: { type: "string", default: "10000" } },
});
const documents = Number(values.documents);
const rowsPerObject = Number(values.perObject);
const dimensions = 384;
const maxTokens = 16;
const words = "river stone garden letter winter market silver window paper mountain candle harbour".split(" ");

const folder = await mkdtemp(join(tmpdir(), "millrace-scale-"));
const temporal = await startTemporal(folder);
const stop = new AbortController();
try {
  const { tokenizer } = await openModel();
  const job = describeJob();
  const store = countingStore();
  const context = openContext(job, createChunker(tokenizer, job.chunking), store);
  const { working } = await startWorker(context, job.model);
  const jobs = await openJobs({ address: temporal.address });
  const stopSampling = sampleMemory(process.pid);
  const startedAt = performance.now();
  const input = { job, device: "cpu", batches: 32 };
  await jobs.start({ id: "scale", workflow: "embedCorpus", queue: orchestrateQueue, input, needs: [] });
  const summary = await jobs.result("scale");
  const seconds = (performance.now() - startedAt) / 1000;
  const peak = await stopSampling();
  const { events, runs } = await historyOf(jobs);
  await jobs.close();
  stop.abort();
  await working;
  if (summary.documents !== documents || store.points !== documents) throw new Error(`${summary.documents} documents`);
  const row = {
    peer: `${documents} documents`,
    seconds: Number(seconds.toFixed(1)),
    documents,
    tokens: summary.worked.tokens,
    tokensPerSecond: Math.round(summary.worked.tokens / seconds),
    measures: {
      minutes: Number((seconds / 60).toFixed(1)),
      batches: store.batches,
      "history events": events,
      "events per batch": Number((events / store.batches).toFixed(2)),
      "histories (continue-as-new)": runs,
      "peak memory of all processes, MB": peak === undefined ? "–" : Math.round(peak / 1e6),
    },
  };
  await writeReport({ name: "scale", baseline: row.peer, results: [row] });
} finally {
  stop.abort();
  await temporal.server.kill();
  await rm(folder, { recursive: true, force: true });
}

/** @returns {import("@millrace/core").Job} */
function describeJob() {
  /** @type {import("@millrace/core").ModelSpec} */
  const model = { reference: "made-up", precision: "fp32", graph: "0".repeat(64), dimensions };
  return {
    corpus: "made-up",
    source: { location: "made-up", include: [], exclude: [] },
    fields: { text: ["text"], payload: [] },
    chunking: { strategy: "truncate", maxTokens, overlap: 0 },
    model,
    limits: { maxRowBytes: 1 << 20, maxObjectBytes: 1 << 30 },
    store: "memory:scale",
    work: join(folder, "work"),
    full: false,
    allowEmpty: false,
    keepVectors: false,
    fingerprint: "made-up",
  };
}

/** Objects of JSON lines that are made as they are read. */
function madeUpSource() {
  const rowsOf = (/** @type {number} */ object) => Math.min(rowsPerObject, documents - object * rowsPerObject);
  const keyOf = (/** @type {number} */ object) => `${String(object).padStart(8, "0")}.jsonl`;
  const contentOf = (/** @type {number} */ object) => {
    const line = (/** @type {number} */ row) => {
      const word = (/** @type {number} */ step) =>
        words[(object * 31 + row * (step + 7) + (row >> step)) % words.length];
      return `{"text":"${word(0)} ${word(1)} ${word(2)} ${word(3)} ${word(4)} ${row}"}\n`;
    };
    return Buffer.from(Array.from({ length: rowsOf(object) }, (_, row) => line(row)).join(""));
  };
  // As long as the longest: listing must not make every object.
  const bytes = contentOf(0).byteLength;
  return {
    uri: "made-up",
    async *list(/** @type {string | undefined} */ after) {
      for (let object = 0; object * rowsPerObject < documents; object += 1) {
        if (after === undefined || keyOf(object) > after) yield { key: keyOf(object), version: "1", bytes };
      }
    },
    async open(/** @type {{ key: string }} */ { key }) {
      const content = contentOf(Number.parseInt(key, 10));
      return {
        key,
        bytes: content.byteLength,
        async *stream() {
          yield content;
        },
        read: async (/** @type {number} */ start, /** @type {number} */ end) => content.subarray(start, end),
        close: async () => {},
      };
    },
  };
}

/** Takes points and keeps their number only. */
function countingStore() {
  const store = {
    points: 0,
    batches: 0,
    sink: {
      open: async () => "scale",
      upsert: async (/** @type {{ records: readonly unknown[] }} */ { records }) => {
        store.points += records.length;
        store.batches += 1;
      },
      delete: async () => {},
      finish: async () => {},
      close: async () => {},
    },
  };
  return store;
}

/**
 * @param {ReturnType<typeof describeJob>} job
 * @param {ReturnType<typeof createChunker>} chunker
 * @param {ReturnType<typeof countingStore>} store
 */
function openContext(job, chunker, store) {
  const blobs = folderBlobs(job.work);
  const source = madeUpSource();
  const limits = fleetWorkLimits;
  const drivers = { blobs, source, chunker, store: "scale", onProgress: () => {}, limits };
  const splitter = new ShardSplitter(drivers, job);
  let last = Promise.resolve();
  const encoder = {
    dimensions,
    maxTokens,
    tokenBudget: 16_384,
    engine: { device: "none", provider: "none" },
    encode: async (/** @type {{ rows: number }} */ { rows }) =>
      new Float32Array(rows * dimensions).fill(dimensions ** -0.5),
    close: async () => {},
  };
  const splitInTurn = {
    split: (/** @type {unknown} */ _, /** @type {Parameters<typeof splitter.split>[0]["shard"]} */ shard) => {
      const split = last.then(() => splitter.split({ shard, poisoned: [], isCareful: false }));
      last = split.then(
        () => {},
        () => {},
      );
      return split;
    },
    survey: async () => [],
    close: async () => {},
  };
  const known = new KnownVectors("scale");
  return { blobs, source, sink: store.sink, store: "scale", limits, encoder, known, splitter: splitInTurn };
}

/**
 * Starts a worker in this process; `working` settles when it has ended.
 * @param {ReturnType<typeof openContext>} context
 * @param {import("@millrace/core").ModelSpec} model
 */
async function startWorker(context, model) {
  const workflowsPath = fileURLToPath(import.meta.resolve("@millrace/workflows/temporal"));
  const bundlePath = await bundleWorkflows({ workflowsPath, cacheDirectory: cacheFolder(), isEncrypted: false });
  const contextOf = async () => context;
  const ready = Promise.withResolvers();
  const working = runWorkers({
    address: temporal.address,
    queues: [
      { queue: orchestrateQueue, bundlePath },
      { queue: ioQueue, stepsFor: () => createIoSteps(contextOf), atOnce: 8 },
      { queue: encodeQueue(model, "cpu"), stepsFor: (control) => createEncodeSteps(contextOf, control), atOnce: 8 },
    ],
    stop: stop.signal,
    graceMilliseconds: 10_000,
    onReady: () => ready.resolve(undefined),
  });
  await Promise.race([ready.promise, working]);
  return { working };
}

/** Events of all histories that the job went through. @param {Awaited<ReturnType<typeof openJobs>>} jobs */
async function historyOf(jobs) {
  const listed = await jobs.list({ limit: 10_000 });
  return { events: listed.reduce((sum, { events }) => sum + events, 0), runs: listed.length };
}
