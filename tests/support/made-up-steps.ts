import { setTimeout as delay } from "node:timers/promises";
import { noCounts, noPlanCounts, type PlanPage, type Shard, type Steps } from "@millrace/core";
import { randomNumbers } from "./corpus.ts";

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
  /** Called as a step begins, with its name and how many of that name were begun before it; may throw. */
  readonly onStep?: (name: keyof Steps, earlier: number) => void | Promise<void>;
}

/** Steps of a made-up corpus: they answer as real ones do, after made-up times that differ from call to call. */
export function madeUpSteps(corpus: MadeUpCorpus): Steps {
  const { pages, partsPerShard, batchesPerPart, isResumed = false, takes = 30, onStep } = corpus;
  const random = randomNumbers(5);
  const begun = new Map<string, number>();
  let commits = 0;
  const begin = async (name: keyof Steps) => {
    const earlier = begun.get(name) ?? 0;
    begun.set(name, earlier + 1);
    await onStep?.(name, earlier);
    await delay(random() * takes);
  };
  const partOf = ({ id }: Shard) => Number(id.split(".")[1] ?? 0);
  return {
    async plan(job, page): Promise<PlanPage> {
      await begin("plan");
      const shards = Array.from({ length: pages[page] ?? 0 }, (_, shard) => {
        return { id: `${page}-${shard}`, objects: [], fromRow: 0, fromByte: 0, isFull: job.full };
      });
      const next = page + 1 < pages.length ? { next: `page ${page}` } : {};
      const isLeft = isResumed && commits === 0;
      return { page, shards, removed: [], counts: noPlanCounts, isResumed: isLeft, isFull: job.full, ...next };
    },
    async split(_, shard) {
      await begin("split");
      const part = partOf(shard);
      const rest: Shard = { ...shard, id: `${shard.id.split(".")[0]}.${part + 1}` };
      const isDone = isResumed && commits === 0 && shard.id === "0-0";
      const batches = Array.from({ length: isDone ? 0 : batchesPerPart }, (_, index) => {
        return { shard: shard.id, index, chunks: 10, tokens: 100, key: `${shard.id}/${index}`, bytes: 1, sha256: "" };
      });
      const counts = { ...noCounts, documents: 10, chunks: 10 * batches.length, bytes: 1000 };
      return { batches, counts, isDone, ...(part + 1 < partsPerShard && !isDone ? { rest } : {}) };
    },
    async encode(_, batches) {
      await begin("encode");
      return batches.map(({ shard, index, key, chunks: points }) => {
        return { key, bytes: 1, sha256: "", shard, index, points, dimensions: 4, quarantined: 0, quarantinedIds: [] };
      });
    },
    async write(_, shard, vectors) {
      await begin("write");
      return vectors.map(({ index, points }) => {
        return { shard: shard.id, index, points, idsDigest: "", vectorsDigest: "", quarantined: 0 };
      });
    },
    async commit() {
      await begin("commit");
      commits += 1;
      return { documents: 1, objects: 1, deletedPoints: 0, points: 1, changedObjects: 0, worked: noCounts };
    },
  };
}
