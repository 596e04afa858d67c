import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median, middleOf } from "./median.mjs";
import { openEncoding, openModel } from "./model.mjs";
import { runPeers } from "./peers/index.mjs";
import { processorTime } from "./process-tree.mjs";
import { writeReport } from "./report.mjs";
import { benchmarkTexts } from "./texts.mjs";

/**
 * Texts to vectors, beside the peers, in one run: same texts, same truncation, same cores. Each round measures every
 * system once, so that a machine that changes its speed meanwhile does so for all; what is reported are medians. Time on
 * the processor says more than the clock where other work shares the machine.
 */
const maxTokens = 256;
const perToken = "µs of CPU for a token";
const threads = availableParallelism();
const { values } = parseArgs({
  options: {
    documents: { type: "string", default: "600" },
    corpus: { type: "string" },
    rounds: { type: "string", default: "5" },
  },
});

const { name, texts } = await benchmarkTexts(Number(values.documents), values.corpus);
const precisions = /** @type {const} */ (["int8", "fp32"]);
const models = await Promise.all(precisions.map((precision) => openModel(undefined, precision)));
const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
try {
  const textsPath = join(folder, "texts.jsonl");
  await writeFile(textsPath, texts.map((text) => JSON.stringify({ text })).join("\n"));
  const peerRun = { textsPath, modelDirectory: models[0]?.installed.directory ?? "", threads, maxTokens };
  const rounds = [];
  for (let round = 0; round < Number(values.rounds); round += 1)
    rounds.push([...(await measureOurs()), ...(await runPeers(peerRun))]);
  await writeReport({ name: "encode", baseline: "sentence-transformers", results: medians(rounds.flat()) });
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measureOurs() {
  const runs = [];
  for (const model of models) runs.push(await measure(model));
  const exact = runs[precisions.indexOf("fp32")]?.vectors ?? new Float32Array();
  return runs.map(({ seconds, tokens, vectors, processor }, index) => ({
    peer: "millrace",
    seconds: Number(seconds.toFixed(3)),
    documents: texts.length,
    tokens,
    tokensPerSecond: Math.round(tokens / seconds),
    settings: {
      hosts: threads,
      precision: precisions[index] ?? "",
      maxTokens,
      corpus: name,
      rounds: Number(values.rounds),
    },
    measures: {
      [perToken]: Math.round(processor / tokens),
      "cosine to fp32": Number(meanCosine(exact, vectors).toFixed(4)),
    },
  }));
}

/** @param {import("./model.mjs").Model} model */
async function measure(model) {
  const encoding = await openEncoding(model, { hosts: threads, maxTokens });
  try {
    await encoding.encode(texts.slice(0, 32));
    const before = await processorTime(process.pid);
    const run = await encoding.encode(texts);
    return { ...run, processor: (await processorTime(process.pid)) - before };
  } finally {
    await encoding.close();
  }
}

/** Of normalised vectors, row by row. @param {Float32Array} left @param {Float32Array} right */
function meanCosine(left, right) {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0) / texts.length;
}

/**
 * For each system its run of median speed, with the median of its time on the processor.
 * @template {import("./report.mjs").BenchmarkResult} Result
 * @param {readonly Result[]} results
 * @returns {Result[]}
 */
function medians(results) {
  const bySystem = Map.groupBy(results, ({ peer, settings }) => `${peer} ${settings?.precision}`);
  return [...bySystem.values()].map((runs) => {
    const run = /** @type {Result} */ (middleOf(runs, ({ tokensPerSecond }) => tokensPerSecond));
    const processor = median(runs.map(({ measures }) => Number(measures?.[perToken])));
    return { ...run, measures: { ...run.measures, [perToken]: processor } };
  });
}
