import {
  type GenerateJob,
  type GeneratePlan,
  type GenerateSteps,
  generateLayout,
  type PromptShard,
} from "@millrace/core";
import { readJson, writeJson } from "./blobs/json.js";
import { answerBatch } from "./generate/answer.js";
import { commitAnswers } from "./generate/commit.js";
import type { AnswerContext, GenerateContext, PromptContext } from "./generate/context.js";
import { openOutput } from "./generate/output.js";
import { splitPrompts } from "./generate/split.js";
import { writeAnswers } from "./generate/write.js";

/** All but `generate`: reading prompts, writing answers. */
export type PromptSteps = Omit<GenerateSteps, "generate">;

/** The one step that needs a model's engine. */
export type AnswerSteps = Pick<GenerateSteps, "generate">;

/** The steps of a generation job in the order the data flows, over whatever drivers the context holds. */
export function createGenerateSteps(context: GenerateContext): GenerateSteps {
  return { ...createPromptSteps(context), ...createAnswerSteps(context) };
}

export function createPromptSteps(context: PromptContext): PromptSteps {
  return {
    plan: (job, page) => plan(context, job, page),
    split: (job, shard) => splitPrompts(context, job, shard),
    write: (job, texts) => writeAnswers(context, job, texts),
    commit: (job) => commitAnswers(context, job),
  };
}

export function createAnswerSteps(context: AnswerContext): AnswerSteps {
  return { generate: (job, batch) => answerBatch(context, job, batch) };
}

/** Objects on one page of a plan. */
const pageSize = 1_000;

/** What was planned once stays: the work folder belongs to this listing of the source. */
async function plan(
  { blobs, source }: PromptContext,
  { out, errors }: GenerateJob,
  page: number,
): Promise<GeneratePlan> {
  for (const place of [out, ...(errors === undefined ? [] : [errors])]) await openOutput(place).check();
  const known = await readJson<GeneratePlan>(blobs, generateLayout.plan(page));
  if (known !== undefined) return known;
  const shards: PromptShard[] = [];
  for await (const object of source.list()) {
    shards.push({ id: `${String(shards.length).padStart(6, "0")}.000000`, object, fromRow: 0, fromByte: 0 });
  }
  const bytes = shards.reduce((sum, { object }) => sum + object.bytes, 0);
  for (let index = Math.floor(Math.max(0, shards.length - 1) / pageSize); index >= 0; index -= 1) {
    await writeJson(blobs, generateLayout.plan(index), pageOf({ shards, bytes }, index));
  }
  return pageOf({ shards, bytes }, page);
}

function pageOf({ shards, bytes }: GeneratePlan, page: number): GeneratePlan {
  const end = (page + 1) * pageSize;
  return { shards: shards.slice(page * pageSize, end), bytes, ...(end < shards.length && { next: page + 1 }) };
}
