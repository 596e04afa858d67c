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
import type { GenerateContext } from "./generate/context.js";
import { splitPrompts } from "./generate/split.js";
import { writeAnswers } from "./generate/write.js";

/** The steps of a generation job in the order the data flows, over whatever drivers the context holds. */
export function createGenerateSteps(context: GenerateContext): GenerateSteps {
  return {
    plan: () => plan(context),
    split: (job: GenerateJob, shard) => splitPrompts(context, job, shard),
    generate: (job, batch) => answerBatch(context, job, batch),
    write: (job, texts) => writeAnswers(context, job, texts),
    commit: (job) => commitAnswers(context, job),
  };
}

/** What was planned once stays: the work folder belongs to this listing of the source. */
async function plan({ blobs, source }: GenerateContext): Promise<GeneratePlan> {
  const known = await readJson<GeneratePlan>(blobs, generateLayout.plan);
  if (known !== undefined) return known;
  const shards: PromptShard[] = [];
  for await (const object of source.list()) {
    shards.push({ id: `${String(shards.length).padStart(6, "0")}.000000`, object, fromRow: 0, fromByte: 0 });
  }
  const planned = { shards, bytes: shards.reduce((sum, { object }) => sum + object.bytes, 0) };
  await writeJson(blobs, generateLayout.plan, planned);
  return planned;
}
