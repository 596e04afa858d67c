import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openEncoding, openModel } from "./model.mjs";
import { runPeers } from "./peers/index.mjs";
import { writeReport } from "./report.mjs";
import { benchmarkTexts } from "./texts.mjs";

/**
 * Texts to vectors, beside the peers, in one run: same texts, same truncation, same cores. Ours is measured before and
 * after them, so that a machine that changes its speed meanwhile shows.
 */
const maxTokens = 256;
const threads = availableParallelism();
const { values } = parseArgs({
  options: {
    documents: { type: "string", default: "600" },
    corpus: { type: "string" },
    rounds: { type: "string", default: "3" },
  },
});

const { name, texts } = await benchmarkTexts(Number(values.documents), values.corpus);
const model = await openModel();
const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
try {
  const textsPath = join(folder, "texts.jsonl");
  await writeFile(textsPath, texts.map((text) => JSON.stringify({ text })).join("\n"));
  const before = await measureOurs();
  const peers = await runPeers({ textsPath, modelDirectory: model.installed.directory, threads, maxTokens });
  const rounds = [...before, ...(await measureOurs())].sort((a, b) => a.seconds - b.seconds);
  const { seconds, tokens } = median(rounds);
  const ours = {
    peer: "millrace",
    seconds: Number(seconds.toFixed(3)),
    documents: texts.length,
    tokens,
    tokensPerSecond: Math.round(tokens / seconds),
    settings: { hosts: threads, precision: "fp32", maxTokens, corpus: name, rounds: rounds.length },
  };
  await writeReport({ name: "encode", baseline: "sentence-transformers", results: [ours, ...peers] });
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measureOurs() {
  const encoding = await openEncoding(model, { hosts: threads, maxTokens });
  try {
    await encoding.encode(texts.slice(0, 32));
    const rounds = [];
    for (let round = 0; round < Number(values.rounds); round += 1) rounds.push(await encoding.encode(texts));
    return rounds;
  } finally {
    await encoding.close();
  }
}

/** @template Item @param {readonly Item[]} sorted @returns {Item} */
function median(sorted) {
  return /** @type {Item} */ (sorted[Math.floor(sorted.length / 2)]);
}
