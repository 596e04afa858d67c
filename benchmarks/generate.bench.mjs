import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { greedyDecoding } from "@millrace/core";
import { compileGeneratorInHost, GeneratorPool, pullModel } from "@millrace/workers";
import { cacheFolder } from "../packages/cli/bin/node-version.mjs";
import { middleOf } from "./median.mjs";
import { runGenerationPeers } from "./peers/generation.mjs";
import { processorTime } from "./process-tree.mjs";
import { writeReport } from "./report.mjs";

/**
 * One model, prompts of made-up tokens and greedy answers of a fixed length, beside the peers on the same cores: how fast one
 * long prompt is read, and how fast one answer and many at once are generated behind short ones. Each round measures every
 * system once, so that a machine that changes its speed meanwhile does so for all; what is reported are medians, with the
 * median ratio to llama.cpp of the same round. Time on the processor says more than the clock where other work shares the machine.
 */
const { values } = parseArgs({
  options: {
    model: { type: "string", default: "smollm2-135m-instruct" },
    prompt: { type: "string", default: "512" },
    tokens: { type: "string", default: "64" },
    rows: { type: "string", default: "1,32" },
    precisions: { type: "string", default: "int8,auto,fp32" },
    rounds: { type: "string", default: "5" },
  },
});

/** Tokens before each answer: as good as none. */
const shortPrompt = 16;
const perToken = "µs of CPU for a token";
const threads = availableParallelism();
const sizes = {
  promptTokens: Number(values.prompt),
  shortPrompt,
  newTokens: Number(values.tokens),
  rows: values.rows.split(",").map(Number),
};
const installed = await pullModel(values.model, {
  modelsDirectory: join(cacheFolder(), "models"),
  hubEndpoint: "https://huggingface.co",
  python: "python3",
  isOffline: false,
});

const rounds = [];
for (let round = 0; round < Number(values.rounds); round += 1) {
  const results = [];
  for (const precision of /** @type {("auto" | "fp32" | "int8")[]} */ (values.precisions.split(",")))
    results.push(...(await measureOurs(precision)));
  rounds.push([...results, ...(await runGenerationPeers({ directory: installed.directory, threads, ...sizes }))]);
}
const results = summary(rounds);
await writeReport({ name: "generate", baseline: `llama.cpp decode ${sizes.rows.at(-1)}`, results });

/** @param {"auto" | "fp32" | "int8"} precision */
async function measureOurs(precision) {
  const cacheDirectory = join(cacheFolder(), "compiled");
  const model = await compileGeneratorInHost({ place: installed.directory, precision, cacheDirectory });
  const name = `millrace ${precision}`;
  const measured = [];
  for (const rows of sizes.rows) {
    const pool = new GeneratorPool({ model, maximumRows: rows });
    try {
      // No two prompts begin alike, so that each is read whole.
      await timed(pool, { rows, prompt: shortPrompt, newTokens: 2, first: 1 });
      const begun = await timed(pool, { rows, prompt: shortPrompt, newTokens: 1, first: 100 });
      const whole = await timed(pool, { rows, prompt: shortPrompt, newTokens: sizes.newTokens, first: 200 });
      const decoded = { seconds: whole.seconds - begun.seconds, processor: whole.processor - begun.processor };
      measured.push(result(`${name} decode ${rows}`, rows * (sizes.newTokens - 1), decoded));
      if (rows !== sizes.rows[0]) continue;
      const read = await timed(pool, { rows: 1, prompt: sizes.promptTokens, newTokens: 1, first: 300 });
      measured.push(result(`${name} prefill`, sizes.promptTokens, read));
    } finally {
      await pool.close();
    }
  }
  return measured;
}

/**
 * @param {GeneratorPool} pool
 * @param {{ rows: number, prompt: number, newTokens: number, first: number }} shape
 */
async function timed(pool, { rows, prompt, newTokens, first }) {
  const requests = Array.from({ length: rows }, (_, row) => ({
    promptIds: Int32Array.from({ length: prompt }, (_, index) => 1_000 + first + row * 7 + index * 3),
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
    settings: { threads, promptTokens: sizes.promptTokens, shortPrompt, newTokens: sizes.newTokens },
    measures: { [perToken]: Math.round(processor / tokens) },
  };
}

/**
 * Each system's run of median speed, with its median ratio to llama.cpp's in the same round at the same kind of work.
 * @param {readonly (readonly import("./report.mjs").BenchmarkResult[])[]} rounds
 */
function summary(rounds) {
  return [...Map.groupBy(rounds.flat(), ({ peer }) => peer).entries()].map(([peer, runs]) => {
    const run = /** @type {import("./report.mjs").BenchmarkResult} */ (
      middleOf(runs, ({ tokensPerSecond }) => tokensPerSecond)
    );
    const work = /(?:prefill|decode \d+)$/.exec(peer)?.[0];
    const ratios = rounds.flatMap((results) => {
      const own = results.find((other) => other.peer === peer);
      const baseline = results.find((other) => other.peer === `llama.cpp ${work}`);
      return own && baseline ? [own.tokensPerSecond / baseline.tokensPerSecond] : [];
    });
    const ratio = middleOf(ratios, (value) => value);
    return {
      ...run,
      settings: { ...run.settings, rounds: rounds.length },
      measures: { ...run.measures, ...(ratio !== undefined && { "against llama.cpp at this": ratio.toFixed(2) }) },
    };
  });
}
