import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openEncoding, openModel } from "./model.mjs";
import { sampleMemory } from "./process-tree.mjs";
import { writeReport } from "./report.mjs";
import { corpusLines, tldr } from "./texts.mjs";

/**
 * `millrace index`, from an empty store to a committed one, beside the encoder alone on texts of the same corpus: what
 * reading, splitting, writing and committing cost. Also the memory of all processes at growing corpus sizes.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const hosts = availableParallelism();
const { values } = parseArgs({
  options: { sizes: { type: "string", default: "2000,10000" }, corpus: { type: "string", default: tldr } },
});

const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
try {
  const model = await openModel();
  const lines = await corpusLines(values.corpus);
  const results = [await encoderAlone(model, lines)];
  for (const size of values.sizes.split(",").map(Number)) {
    results.push(await indexWhole(lines.slice(0, size)));
    if (size >= lines.length) break;
  }
  await writeReport({ name: "end-to-end", baseline: "encoder alone", results });
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** @param {Awaited<ReturnType<typeof openModel>>} model @param {readonly string[]} lines */
async function encoderAlone(model, lines) {
  const encoding = await openEncoding(model, { hosts, maxTokens: model.compiled.maxTokens });
  const texts = lines.slice(0, 1000).map((line) => String(JSON.parse(line).text));
  await encoding.encode(texts.slice(0, 64));
  const { seconds, tokens } = await encoding.encode(texts);
  await encoding.close();
  return {
    peer: "encoder alone",
    seconds,
    documents: texts.length,
    tokens,
    tokensPerSecond: Math.round(tokens / seconds),
  };
}

/** @param {readonly string[]} lines */
async function indexWhole(lines) {
  const corpus = join(folder, `${lines.length}.jsonl`);
  await writeFile(corpus, lines.join("\n"));
  const places = ["--store", join(folder, `store-${lines.length}`), "--work", join(folder, "work")];
  const args = [
    "packages/cli/bin/millrace.js",
    "index",
    corpus,
    "--text-field",
    "text",
    "--json",
    "--quiet",
    ...places,
  ];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const stopSampling = sampleMemory(child.pid ?? 0);
  let output = "";
  for await (const piece of child.stdout) output += piece;
  const peak = await stopSampling();
  const result = JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");
  if (!result.ok) throw new Error(`index failed: ${output}`);
  const { seconds, encoded, eventLoopDelayP99Milliseconds: delay } = result;
  return {
    peer: `index, ${lines.length} documents`,
    seconds,
    documents: lines.length,
    tokens: encoded.tokens,
    tokensPerSecond: Math.round(encoded.tokens / seconds),
    measures: {
      "peak memory of all processes, MB": peak === undefined ? "–" : Math.round(peak / 1e6),
      "event-loop delay p99, ms": Number(delay.toFixed(1)),
    },
  };
}
