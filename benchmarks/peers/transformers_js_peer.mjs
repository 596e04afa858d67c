import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/** Measures transformers.js on a plain ONNX export of the model, fp32 or q8, as make_peer_onnx.py writes them. */
const { values } = parseArgs({
  options: {
    texts: { type: "string", default: "" },
    model: { type: "string", default: "" },
    /** Folder with the `node_modules` that holds transformers.js. */
    packages: { type: "string", default: "" },
    threads: { type: "string", default: "1" },
    "max-tokens": { type: "string", default: "256" },
    batch: { type: "string", default: "16" },
    dtype: { type: "string", default: "fp32" },
  },
});
const threads = Number(values.threads);
const maxTokens = Number(values["max-tokens"]);
const batch = Number(values.batch);
const dtype = values.dtype === "q8" ? "q8" : "fp32";

const require = createRequire(join(values.packages, "package.json"));
const { AutoTokenizer, env, pipeline } = await import(pathToFileURL(require.resolve("@huggingface/transformers")).href);
env.allowRemoteModels = false;
env.localModelPath = dirname(values.model);
const name = basename(values.model);

const lines = readFileSync(values.texts, "utf8").split("\n");
/** @type {string[]} */
const texts = lines.filter((line) => line.trim() !== "").map((line) => JSON.parse(line).text);
const tokenizer = await AutoTokenizer.from_pretrained(name);
const extract = await pipeline("feature-extraction", name, {
  dtype,
  device: "cpu",
  session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
});

await encode(texts.slice(0, 16));
const start = performance.now();
const processor = process.cpuUsage();
await encode(texts);
const { user, system } = process.cpuUsage(processor);
const seconds = (performance.now() - start) / 1000;
const tokens = texts.reduce((sum, text) => sum + Math.min(maxTokens, tokenizer.encode(text).length), 0);
const result = {
  peer: "transformers.js",
  version: env.version,
  seconds: Number(seconds.toFixed(3)),
  documents: texts.length,
  tokens,
  tokensPerSecond: Math.round(tokens / seconds),
  settings: { threads, batch, maxTokens, precision: dtype },
  measures: { "µs of CPU for a token": Math.round((user + system) / tokens) },
};
process.stdout.write(`${JSON.stringify(result)}\n`);

/** @param {readonly string[]} some */
async function encode(some) {
  for (let start = 0; start < some.length; start += batch) {
    const vectors = await extract(some.slice(start, start + batch), { pooling: "mean", normalize: true });
    vectors.dispose?.();
  }
}
