import { setTimeout as delay } from "node:timers/promises";
import type { GenerateJob, PromptShard } from "@millrace/core";
import type { GenerateActivities } from "@millrace/workflows";
import { randomNumbers } from "./corpus.ts";

const job: GenerateJob = {
  format: "rows",
  source: { location: "made-up", include: [], exclude: [] },
  prompts: { isChat: false, payload: [] },
  model: { reference: "made-up", precision: "fp32", graph: "0".repeat(64) },
  decoding: {} as GenerateJob["decoding"],
  sequences: 1,
  limits: { maxRowBytes: 1, maxObjectBytes: 1 },
  out: "made-up.jsonl",
  work: "made-up",
};

/** What a generation job of made-up prompts is started with. */
export const madeUpGeneration = { job, device: "cpu", batches: 3 };

/** Prompts that exist only as what the steps answer. */
export interface MadeUpPrompts {
  /** Objects on each page of the plan. */
  readonly pages: readonly number[];
  readonly partsPerObject: number;
  readonly batchesPerPart: number;
}

/** Steps of a generation job of made-up prompts, after made-up times that differ from call to call. */
export function madeUpAnswers({ pages, partsPerObject, batchesPerPart }: MadeUpPrompts): GenerateActivities {
  const random = randomNumbers(5);
  const pause = () => delay(random() * 30);
  const shardOf = (id: string): PromptShard => {
    return { id, object: { key: id, version: "", bytes: 100 }, fromRow: 0, fromByte: 0 };
  };
  return {
    async planPrompts(_job, page) {
      await pause();
      const shards = Array.from({ length: pages[page] ?? 0 }, (_, shard) => shardOf(`${page}-${shard}.0`));
      return { shards, bytes: 1_000, ...(page + 1 < pages.length && { next: page + 1 }) };
    },
    async splitPrompts(_job, { id }) {
      await pause();
      const [object, part] = id.split(".");
      const batches = Array.from({ length: batchesPerPart }, (_, index) => {
        return { shard: id, index, rows: 10, tokens: 100, key: `${id}/${index}`, bytes: 1, sha256: "" };
      });
      const isWhole = Number(part) + 1 === partsPerObject;
      return { batches, bytes: 50, ...(!isWhole && { rest: shardOf(`${object}.${Number(part) + 1}`) }) };
    },
    async answerPrompts(_job, { shard, index, key, rows }) {
      await pause();
      return { shard, index, key, bytes: 1, sha256: "", rows, failed: 1, promptTokens: 90, generatedTokens: 300 };
    },
    async writeAnswers() {
      await pause();
    },
    async commitAnswers() {
      await pause();
      return { rows: 10, failed: 1, promptTokens: 90, generatedTokens: 300, isUnchanged: false };
    },
  };
}
