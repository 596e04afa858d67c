import { setTimeout as delay } from "node:timers/promises";
import {
  type BatchRef,
  type Job,
  noCounts,
  type PlanPage,
  type Shard,
  type Steps,
  type VectorsRef,
} from "@millrace/core";

export interface RecordedOptions {
  /** Parts of the one shard. */
  readonly parts: number;
  /** Batches of each part. */
  readonly batches: number;
  /** How many passes find a plan that an earlier run left. */
  readonly resumedPasses?: number;
  /** How many passes see objects change. */
  readonly changingPasses?: number;
  /** Milliseconds of each step. */
  readonly takes?: number;
}

export interface RecordedSteps extends Steps {
  /** `step begun` and `step ended` in order, such as "split 0 begun". */
  readonly events: readonly string[];
  /** The jobs that were planned. */
  readonly planned: readonly Job[];
}

/** Steps that do nothing but take time and write down when: what orchestration is tested with. */
export function recordedSteps({ parts, batches, resumedPasses = 0, changingPasses = 0, takes = 2 }: RecordedOptions) {
  const events: string[] = [];
  const planned: Job[] = [];
  let commits = 0;
  const recorded = async (name: string) => {
    events.push(`${name} begun`);
    await delay(takes);
    events.push(`${name} ended`);
  };
  const partOf = (shard: string) => Number(shard.split(".")[1] ?? 0);
  const steps: RecordedSteps = {
    events,
    planned,
    async plan(job, page): Promise<PlanPage> {
      planned.push(job);
      const counts = { newObjects: 1, changedObjects: 0, unchangedObjects: 0, removedObjects: 0, bytes: 0 };
      const shards = [{ id: "shard", objects: [], fromRow: 0, fromByte: 0, isFull: job.full }];
      return { page, shards, removed: [], counts, isResumed: commits < resumedPasses, isFull: job.full };
    },
    async split(_, shard) {
      const part = partOf(shard.id);
      await recorded(`split ${part}`);
      const rest: Shard = { ...shard, id: `shard.${part + 1}` };
      const refs = Array.from({ length: batches }, (_, index) => {
        return { shard: shard.id, index, chunks: 1, tokens: 1, key: "", bytes: 0, sha256: "" };
      });
      return { batches: refs, counts: noCounts, isDone: false, ...(part + 1 < parts ? { rest } : {}) };
    },
    async encode(_, refs) {
      const vectors: VectorsRef[] = [];
      for (const ref of refs) {
        await recorded(`encode ${partOf(ref.shard)}-${ref.index}`);
        vectors.push(vectorsOf(ref));
      }
      return vectors;
    },
    async write(_, shard, vectors) {
      if (vectors.filter((ref) => ref !== undefined).length !== batches) throw new Error("vectors are missing");
      await recorded(`write ${partOf(shard.id)}`);
      return vectors.map(({ index }) => {
        return { shard: shard.id, index, points: 1, idsDigest: "", vectorsDigest: "", quarantined: 0 };
      });
    },
    async commit() {
      commits += 1;
      const changedObjects = commits <= resumedPasses + changingPasses && commits > resumedPasses ? 1 : 0;
      const worked = { ...noCounts, documents: 1 };
      return { documents: 1, objects: 1, deletedPoints: 1, points: 1, changedObjects, worked };
    },
  };
  return steps;
}

/** Vectors of a batch that exist in name only. */
export function vectorsOf({ shard, index }: BatchRef): VectorsRef {
  const file = { key: "", bytes: 0, sha256: "", shard, index, points: 1, dimensions: 1 };
  return { ...file, quarantined: 0, quarantinedIds: [], reused: { chunks: 0, tokens: 0 } };
}
