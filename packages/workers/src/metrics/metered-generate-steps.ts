import type { GenerateSteps } from "@millrace/core";
import { aroundGenerateSteps } from "../steps/around-steps.js";
import { timing } from "./metered-steps.js";
import type { Metrics } from "./metrics.js";

/** The same steps of a generation job, counted and timed. Takes any part of them, as a worker's queues have. */
export function meteredGenerateSteps<Part extends Partial<GenerateSteps>>(steps: Part, metrics: Metrics): Part {
  const counted: Partial<GenerateSteps> = {
    ...(steps.split && { split: countSplit(steps.split, metrics) }),
    ...(steps.generate && { generate: countAnswered(steps.generate, metrics) }),
    ...(steps.write && { write: countWritten(steps.write, metrics) }),
  };
  return aroundGenerateSteps({ ...steps, ...counted }, timing(metrics));
}

function countSplit(split: GenerateSteps["split"], metrics: Metrics): GenerateSteps["split"] {
  return async (job, shard) => {
    const result = await split(job, shard);
    const rows = result.batches.reduce((sum, batch) => sum + batch.rows, 0);
    metrics.count("millrace_source_bytes_total", {}, result.bytes);
    metrics.count("millrace_stage_rows_total", { stage: "split" }, rows);
    return result;
  };
}

function countAnswered(generate: GenerateSteps["generate"], metrics: Metrics): GenerateSteps["generate"] {
  return async (job, batch) => {
    const texts = await generate(job, batch);
    metrics.count("millrace_prompts_total", { outcome: "answered" }, texts.rows - texts.failed);
    metrics.count("millrace_prompts_total", { outcome: "failed" }, texts.failed);
    metrics.count("millrace_stage_rows_total", { stage: "generate" }, texts.rows);
    return texts;
  };
}

function countWritten(write: GenerateSteps["write"], metrics: Metrics): GenerateSteps["write"] {
  return async (job, texts) => {
    await write(job, texts);
    metrics.count("millrace_stage_rows_total", { stage: "write" }, texts.rows);
  };
}
