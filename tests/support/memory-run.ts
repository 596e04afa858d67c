import type { BlobStore, CorpusObject, Job, Sink, Source, Steps, Summary } from "@millrace/core";
import {
  createChunker,
  createSearcher,
  createSink,
  createSteps,
  KnownVectors,
  load,
  loadTokenizer,
  type Metrics,
  meteredSteps,
  openKeptVectors,
  pointId,
  ShardSplitter,
  surveyObject,
  type WorkLimits,
} from "@millrace/workers";
import { createEmbeddedRuntime, embedCorpus, Interrupted, type Progress } from "@millrace/workflows";
import { type FakeEncoder, fakeEncoder, hashedVectors } from "./fake-encoder.ts";
import { Crash, type Fault, Faults } from "./faults.ts";
import type { MemoryCorpus, MemoryRow } from "./memory-source.ts";
import { golden } from "./tokenizers.ts";

const corpusName = "corpus";
const chunking = { strategy: "structure", maxTokens: 8, overlap: 0 } as const;
const dimensions = 4;
const chunker = loadTokenizer(golden("wordpiece-tokenizer.json")).then((tokenizer) =>
  createChunker(tokenizer, chunking),
);

/** Limits that make parts, pages and shards of a few rows. */
export const smallLimits: WorkLimits = {
  shard: { objects: 3, bytes: 300 },
  page: { objects: 4, bytes: 700, removed: 2 },
  part: { documents: 3, tokens: 40 },
  range: { bytes: 1 << 20, perObject: 4, keys: 1_000 },
  group: { documents: 2, characters: 60 },
  batch: { chunks: 5, tokens: 40, characters: 300 },
  manifest: { documentsPerPage: 5, documentsPerPart: 2 },
  idsPerDelete: 2,
};

/** Limits that also cut objects of a few rows into ranges, each a shard. */
export const rangedLimits: WorkLimits = {
  ...smallLimits,
  shard: { objects: 3, bytes: 100 },
  range: { ...smallLimits.range, bytes: 60 },
};

export interface MemoryRun {
  readonly corpus: MemoryCorpus;
  readonly blobs: BlobStore;
  /** Name of a memory store, or a store's whole uri. */
  readonly store: string;
  /** In place of the corpus itself, whose objects it lists under the same keys. */
  readonly source?: Source;
  readonly limits?: WorkLimits;
  readonly faults?: readonly Fault[];
  readonly stop?: AbortSignal;
  readonly full?: boolean;
  readonly scope?: Job["scope"];
  readonly keepVectors?: boolean;
  readonly allowEmpty?: boolean;
  /** "id" where none is given; documents are known by their rows where it is undefined. */
  readonly idField?: string | undefined;
  /** Every step is done twice, as where the answer to the first was lost. */
  readonly isRepeated?: boolean;
  /** What need not be encoded; nothing where none is given. */
  readonly known?: KnownVectors;
  /** In place of the encoder that succeeds with everything. */
  readonly encoder?: FakeEncoder;
  /** Makes another sink of the store's. */
  readonly sink?: (sink: Sink) => Sink;
  /** Counts what is done. */
  readonly metrics?: Metrics;
}

export interface MemoryOutcome {
  readonly end: "done" | "crashed" | "interrupted";
  readonly summary?: Summary;
  readonly operations: number;
  readonly encodedRows: number;
  readonly progress: readonly Progress[];
}

/** One run of the product in this process: everything real but model, source and store, which are in memory. */
export async function runInMemory(run: MemoryRun): Promise<MemoryOutcome> {
  const faults = new Faults(run.faults ?? []);
  const encoder = run.encoder ?? fakeEncoder(dimensions);
  const progress: Progress[] = [];
  const job = jobOf(run);
  const opened = await openSteps(run, { job, faults, encoder });
  const once = run.metrics === undefined ? opened : meteredSteps(opened, run.metrics);
  const steps = run.isRepeated === true ? repeated(once) : once;
  const runtime = createEmbeddedRuntime({
    steps,
    hosts: 2,
    report: (event) => progress.push(event),
    ...(run.stop === undefined ? {} : { stop: run.stop }),
  });
  const outcome = () => ({ operations: faults.operations, encodedRows: encoder.rows, progress });
  try {
    const summary = await embedCorpus(runtime, job);
    return { end: "done", summary, ...outcome() };
  } catch (error) {
    if (error instanceof Crash) return { end: "crashed", ...outcome() };
    if (error instanceof Interrupted) return { end: "interrupted", ...outcome() };
    throw error;
  }
}

function repeated(steps: Steps): Steps {
  const twice = <Args extends readonly unknown[], Result>(step: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      await step(...args);
      return step(...args);
    };
  };
  const { plan, split, encode, write, commit } = steps;
  return {
    plan: twice(plan),
    split: twice(split),
    encode: twice(encode),
    write: twice(write),
    commit: twice(commit),
  };
}

interface Parts {
  readonly job: Job;
  readonly faults: Faults;
  readonly encoder: FakeEncoder;
}

async function openSteps(run: MemoryRun, { job, faults, encoder }: Parts) {
  const { corpus, limits = smallLimits } = run;
  const blobs = faults.blobs(run.blobs);
  const source = run.source ?? corpus.source(() => faults.operate(async () => {}));
  const sink = faults.sink((run.sink ?? ((same) => same))(createSink(job.store)));
  const store = await sink.open({ dimensions, distance: "cosine", fingerprint: "f", graph: "g", model: "m" });
  const drivers = { blobs, source, chunker: await chunker, store, onProgress: () => {}, limits };
  const splitter = new ShardSplitter(drivers, job);
  let last: Promise<unknown> = Promise.resolve();
  const context = {
    blobs,
    source,
    sink,
    store,
    limits,
    encoder: faults.encoder(encoder),
    known: run.known ?? new KnownVectors("g"),
    splitter: {
      split: (_: Job, shard: Parameters<typeof splitter.split>[0]["shard"]) => {
        const split = last.then(() => splitter.split({ shard, poisoned: [], isCareful: false }));
        last = split.catch(() => {});
        return split;
      },
      survey: (object: CorpusObject, range: WorkLimits["range"]) =>
        surveyObject({ source, job, onProgress: () => {} }, { object, limits: range }),
      close: async () => {},
    },
  };
  return createSteps(async () => context);
}

function jobOf(run: MemoryRun): Job {
  const { store, full = false, keepVectors = false, allowEmpty = true } = run;
  const idField = "idField" in run ? run.idField : "id";
  return {
    corpus: corpusName,
    source: { location: "memory", include: [], exclude: [] },
    fields: { ...(idField === undefined ? {} : { id: idField }), text: ["text"], payload: [] },
    chunking,
    model: { reference: "m", precision: "fp32", graph: "g", dimensions: 4 },
    limits: { maxRowBytes: 1 << 20, maxObjectBytes: 1 << 20 },
    store: storeUriOf(store),
    work: "memory",
    full,
    ...(run.scope === undefined ? {} : { scope: run.scope }),
    allowEmpty,
    keepVectors,
    fingerprint: "f",
  };
}

/** What a point holds, as far as it depends on the corpus. */
export type PointText = string;

const expectations = new Map<string, Promise<ReadonlyMap<string, PointText>>>();

/** Points one document must have: id → text and vector. */
export function expectedPoints(object: string, row: MemoryRow): Promise<ReadonlyMap<string, PointText>> {
  const key = JSON.stringify([object, row.id, row.text]);
  const expected = expectations.get(key) ?? pointsOfRow(object, row);
  expectations.set(key, expected);
  return expected;
}

async function pointsOfRow(object: string, { id, text }: MemoryRow): Promise<ReadonlyMap<string, PointText>> {
  const [chunks] = await (await chunker).chunk([{ key: id, text, payload: {}, blocks: [] }]);
  const points = new Map<string, PointText>();
  for (const { ordinal, text: words, tokenIds } of chunks as Exclude<typeof chunks, Error | undefined>) {
    const vector = hashedVectors({ rows: 1, length: tokenIds.length, ids: tokenIds }, dimensions);
    const point = pointId({ corpus: corpusName, object, document: id, ordinal });
    points.set(point, pointText(object, words, vector));
  }
  return points;
}

function storeUriOf(store: string): string {
  return store.includes(":") ? store : `memory:${store}`;
}

/** Points that are in a store: id → text and vector. */
export async function storedPoints(store: string): Promise<ReadonlyMap<string, PointText>> {
  const points = new Map<string, PointText>();
  for await (const { record, vector } of createSearcher(storeUriOf(store)).scan()) {
    points.set(record.id, pointText(record.path, record.text, vector));
  }
  return points;
}

function pointText(path: string, text: string, vector: Float32Array): PointText {
  return JSON.stringify([path, text, [...vector]]);
}

/** The vector that a point holds, as text. */
export function vectorOfPoint(point: PointText): string {
  const [, , vector] = JSON.parse(point) as readonly unknown[];
  return JSON.stringify(vector);
}

/** Fills a memory store from the vectors that runs have kept. */
export async function loadKept(blobs: BlobStore, store: string): Promise<void> {
  const kept = await openKeptVectors(blobs, "memory");
  const sink = createSink(`memory:${store}`);
  await sink.open(kept.plan.schema);
  await load({ blobs: kept.blobs, sink }, kept.plan);
  await sink.close();
}

/** Ids of the points that the manifest in force speaks of. */
export async function manifestIds(blobs: BlobStore): Promise<readonly string[]> {
  const { pages } = JSON.parse(await textOf(blobs, "manifest/head.json")) as { pages: { key: string }[] };
  const ids: string[] = [];
  for (const { key } of pages) {
    for (const line of (await textOf(blobs, key)).split("\n").filter((line) => line !== "")) {
      const { object, documents } = JSON.parse(line) as {
        object: string;
        documents: { key: string; chunks: number }[];
      };
      for (const { key: document, chunks } of documents) {
        for (let ordinal = 0; ordinal < chunks; ordinal += 1) {
          ids.push(pointId({ corpus: corpusName, object, document, ordinal }));
        }
      }
    }
  }
  return ids;
}

/** Objects that the quarantine names. */
export async function quarantinedObjects(blobs: BlobStore): Promise<ReadonlySet<string>> {
  const objects = new Set<string>();
  for (const key of await keysUnder(blobs, "quarantine/")) {
    for (const line of (await textOf(blobs, key)).split("\n").filter((line) => line !== "")) {
      objects.add((JSON.parse(line) as { object: string }).object);
    }
  }
  return objects;
}

/** Keys under a prefix. */
export async function keysUnder(blobs: BlobStore, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const key of blobs.list(prefix)) keys.push(key);
  return keys;
}

async function textOf(blobs: BlobStore, key: string): Promise<string> {
  return Buffer.from((await blobs.get(key)) ?? "").toString("utf8");
}
