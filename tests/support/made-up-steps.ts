import { setTimeout as delay } from "node:timers/promises";
import {
  type Job,
  type JobSteps,
  type ModelSpec,
  noCounts,
  noPlanCounts,
  type PlanPage,
  type ReindexOptions,
  type ReindexSteps,
  type Shard,
  type Steps,
} from "@millrace/core";
import { randomNumbers } from "./corpus.ts";

export const madeUpModel: ModelSpec = { reference: "made-up", precision: "fp32", graph: "0".repeat(64), dimensions: 4 };

const job: Job = {
  corpus: "made-up",
  source: { location: "made-up", include: [], exclude: [] },
  fields: { text: [], payload: [] },
  chunking: { strategy: "structure", maxTokens: 256, overlap: 0 },
  model: madeUpModel,
  limits: { maxRowBytes: 1, maxObjectBytes: 1 },
  store: "memory:made-up",
  work: "made-up",
  full: false,
  allowEmpty: false,
  keepVectors: false,
  fingerprint: "made-up",
};

/** What a job of a made-up corpus is started with. */
export const madeUpInput = { job, device: "cpu", batches: 8 };

/** What a reindex of that corpus is started with. */
export const madeUpReindex = {
  ...madeUpInput,
  job: { ...job, store: `${job.store}#next` },
  options: {
    gate: { minRecall: 0.9 },
    sample: 1,
    recallSample: 1,
    seed: 1,
    maxQuarantined: 0,
    keep: 1,
  } satisfies ReindexOptions,
};

/** Every step that a worker does. */
export type AllSteps = Steps & ReindexSteps & JobSteps;

/** A corpus that exists only as what its steps answer. */
export interface MadeUpCorpus {
  /** Shards on each page of the plan. */
  readonly pages: readonly number[];
  readonly partsPerShard: number;
  readonly batchesPerPart: number;
  /** The first pass finds a plan that an earlier run left, and its first shard done. */
  readonly isResumed?: boolean;
  /** Most milliseconds that a step takes. */
  readonly takes?: number;
  /** Called as a step begins, with how many of that name were begun before it for a corpus of the same name; may throw. */
  readonly onStep?: (name: keyof AllSteps, corpus: string, earlier: number) => void;
}

/** Steps of a made-up corpus: they answer as real ones do, after made-up times that differ from call to call. */
export function madeUpSteps(corpus: MadeUpCorpus): AllSteps {
  const { pages, partsPerShard, batchesPerPart, isResumed = false, takes = 30, onStep } = corpus;
  const random = randomNumbers(5);
  const begun = new Map<string, number>();
  let commits = 0;
  const begin = async (name: keyof AllSteps, { corpus: of }: Job) => {
    const earlier = begun.get(`${name} ${of}`) ?? 0;
    begun.set(`${name} ${of}`, earlier + 1);
    onStep?.(name, of, earlier);
    await delay(random() * takes);
  };
  const partOf = ({ id }: Shard) => Number(id.split(".")[1] ?? 0);
  return {
    async plan(job, page): Promise<PlanPage> {
      await begin("plan", job);
      const shards = Array.from({ length: pages[page] ?? 0 }, (_, shard) => {
        return { id: `${page}-${shard}`, objects: [], fromRow: 0, fromByte: 0, isFull: job.full };
      });
      const next = page + 1 < pages.length ? { next: `page ${page}` } : {};
      const isLeft = isResumed && commits === 0;
      return { page, shards, removed: [], counts: noPlanCounts, isResumed: isLeft, isFull: job.full, ...next };
    },
    async split(job, shard) {
      await begin("split", job);
      const part = partOf(shard);
      const rest: Shard = { ...shard, id: `${shard.id.split(".")[0]}.${part + 1}` };
      const isDone = isResumed && commits === 0 && shard.id === "0-0";
      const batches = Array.from({ length: isDone ? 0 : batchesPerPart }, (_, index) => {
        return { shard: shard.id, index, chunks: 10, tokens: 100, key: `${shard.id}/${index}`, bytes: 1, sha256: "" };
      });
      const counts = { ...noCounts, documents: 10, chunks: 10 * batches.length, bytes: 1000 };
      return { batches, counts, isDone, ...(part + 1 < partsPerShard && !isDone ? { rest } : {}) };
    },
    async encode(job, batches) {
      await begin("encode", job);
      return batches.map(({ shard, index, key, chunks: points }) => {
        const reused = { chunks: 0, tokens: 0 };
        const file = { key, bytes: 1, sha256: "", shard, index, points, dimensions: 4 };
        return { ...file, quarantined: 0, quarantinedIds: [], reused };
      });
    },
    async write(job, shard, vectors) {
      await begin("write", job);
      return vectors.map(({ index, points }) => {
        return { shard: shard.id, index, points, idsDigest: "", vectorsDigest: "", quarantined: 0 };
      });
    },
    async commit(job) {
      await begin("commit", job);
      commits += 1;
      return { documents: 1, objects: 1, deletedPoints: 0, points: 1, changedObjects: 0, worked: noCounts };
    },
    async verify(job) {
      await begin("verify", job);
      const none = { count: 0, first: [] };
      const counts = { points: 1, objects: 1, documents: 1, digest: "", quarantined: 0, quarantine: {}, sampled: 0 };
      return { ...counts, missing: none, unexpected: none, doubled: none, mismatches: [], isUnfinished: false };
    },
    async judge(job) {
      await begin("judge", job);
      return { recall: { at10: 1, queries: 1 } };
    },
    async promote(job) {
      await begin("promote", job);
      return { live: "next", kept: ["before"], dropped: [] };
    },
    async current(job) {
      await begin("current", job);
      return job;
    },
  };
}
