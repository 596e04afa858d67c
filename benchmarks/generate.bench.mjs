import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { greedyDecoding } from "@millrace/core";
import { compileGeneratorInHost, GeneratorPool, pullModel } from "@millrace/workers";
import { cacheFolder } from "../packages/cli/bin/node-version.mjs";
import { runGenerationPeers } from "./peers/generation.mjs";
import { processorTime } from "./process-tree.mjs";
import { writeReport } from "./report.mjs";

/**
 * One model, prompts of made-up tokens and greedy answers of a fixed length, beside the peers on the same cores: how fast
 * prompts are read, and how fast one answer and many at once are generated. The time on the processor for a token says more
 * than the clock where other work shares the machine.
 */
const { values } = parseArgs({
  options: {
    model: { type: "string", default: "smollm2-135m-instruct" },
    prompt: { type: "string", default: "128" },
    tokens: { type: "string", default: "32" },
    rows: { type: "string", default: "1,32" },
    precisions: { type: "string", default: "auto,fp32,int8" },
  },
});

const threads = availableParallelism();
const sizes = {
  promptTokens: Number(values.prompt),
  newTokens: Number(values.tokens),
  rows: values.rows.split(",").map(Number),
};
const installed = await pullModel(values.model, {
  modelsDirectory: join(cacheFolder(), "models"),
  hubEndpoint: "https://huggingface.co",
  python: "python3",
  isOffline: false,
});

const results = [];
for (const precision of /** @type {("auto" | "fp32" | "int8")[]} */ (values.precisions.split(",")))
  results.push(...(await measureOurs(precision)));
results.push(...(await runGenerationPeers({ directory: installed.directory, threads, ...sizes })));
await writeReport({ name: "generate", baseline: `llama.cpp decode ${sizes.rows.at(-1)}`, results });

/** @param {"auto" | "fp32" | "int8"} precision */
async function measureOurs(precision) {
  const cacheDirectory = join(cacheFolder(), "compiled");
  const model = await compileGeneratorInHost({ place: installed.directory, precision, cacheDirectory });
  const measured = [];
  for (const rows of sizes.rows) {
    const pool = new GeneratorPool({ model, maximumRows: rows });
    try {
      await timed(pool, { rows: 1, newTokens: 2, first: 1 });
      // No two prompts begin alike, so that each is read whole.
      const read = await timed(pool, { rows, newTokens: 1, first: 100 });
      const whole = await timed(pool, { rows, newTokens: sizes.newTokens, first: 200 });
      const name = `millrace ${precision}`;
      if (rows === sizes.rows[0]) measured.push(result(`${name} prefill`, rows * sizes.promptTokens, read));
      const decoded = { seconds: whole.seconds - read.seconds, processor: whole.processor - read.processor };
      measured.push(result(`${name} decode ${rows}`, rows * (sizes.newTokens - 1), decoded));
    } finally {
      await pool.close();
    }
  }
  return measured;
}

/**
 * @param {GeneratorPool} pool
 * @param {{ rows: number, newTokens: number, first: number }} shape
 */
async function timed(pool, { rows, newTokens, first }) {
  const requests = Array.from({ length: rows }, (_, row) => ({
    promptIds: Int32Array.from({ length: sizes.promptTokens }, (_, index) => 1_000 + first + row * 7 + index * 3),
    decoding: { ...greedyDecoding, maxNewTokens: newTokens },
    sequence: 0,
  }));
  const [startedAt, processor] = [performance.now(), await processorTime(process.pid)];
  await Promise.all(requests.map((request) => pool.generate(request)));
  const seconds = (performance.now() - startedAt) / 1000;
  return { seconds, processor: (await processorTime(process.pid)) - processor };
}

/**
 * @param {string} peer
 * @param {number} tokens
 * @param {{ seconds: number, processor: number }} time
 */
function result(peer, tokens, { seconds, processor }) {
  return {
    peer,
    tokens,
    seconds: Number(seconds.toFixed(3)),
    tokensPerSecond: Math.round(tokens / seconds),
    settings: { threads, promptTokens: sizes.promptTokens, newTokens: sizes.newTokens },
    measures: { "µs of CPU for a token": Math.round(processor / tokens) },
  };
}
