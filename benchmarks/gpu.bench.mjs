import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compileModel } from "@millrace/compiler";
import { parseDevice } from "@millrace/core";
import { cacheFolder } from "../packages/cli/bin/node-version.mjs";
import { engines } from "./gpu/engines.mjs";
import { gpuFacts, sampleGpu } from "./gpu/facts.mjs";
import { measurePipeline } from "./gpu/pipeline.mjs";
import { runMeasurement, runPeer } from "./gpu/processes.mjs";
import { miniLm, tiny, writeRandomModel } from "./gpu/random-model.mjs";
import { showReport } from "./gpu/report.mjs";
import { machineFacts } from "./report.mjs";

/**
 * All that is to be measured of an encoder on a GPU, in one command and a few minutes: whether the graph runs there whole
 * and gives the same vectors as the processor, how fast, and what each choice that was made without a GPU is worth. Where
 * there is none, the same code runs on the processor at tiny sizes, and nothing is kept.
 */
const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cuda:0" },
    python: { type: "string", default: "python3" },
    seconds: { type: "string", default: "2" },
    cache: { type: "string", default: cacheFolder() },
    out: { type: "string" },
  },
});
const results = fileURLToPath(new URL("results/gpu.json", import.meta.url));

const ready = await openDevice();
const isGpu = ready.kind === "cuda";
const gpu = isGpu ? (ready.gpus[0] ?? 0) : 0;
/** @type {[number, number][]} Rows and their length. */
const shapes = isGpu
  ? [
      [1, 16],
      [64, 128],
      [256, 128],
      [512, 128],
      [1024, 64],
      [256, 512],
    ]
  : [
      [1, 8],
      [3, 16],
    ];
const seconds = isGpu ? Number(values.seconds) : 0.05;
const shape = isGpu ? miniLm : tiny;

/** What ONNX Runtime's attention can be told by its environment. */
const switches = {
  "no flash attention": { ORT_DISABLE_FLASH_ATTENTION: "1" },
  "no fused attention": { ORT_DISABLE_FUSED_ATTENTION: "1" },
  "flash attention for short rows too": { ORT_MIN_SEQ_LEN_FLASH_ATTENTION_PACKED_QKV: "0" },
};

const folder = await mkdtemp(join(tmpdir(), "millrace-gpu-"));
try {
  await measureAll();
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** The device that was asked for; without one, the processor, so that this program can be tested everywhere. */
async function openDevice() {
  const device = parseDevice(values.device);
  if (device === undefined) throw new Error(`the device ${values.device} is not known`);
  try {
    return await engines.prepareDevice(device, { cacheDirectory: resolve(values.cache), python: values.python });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.stderr.write("the same code now runs on the processor, at tiny sizes; its figures mean nothing\n");
    return /** @type {const} */ ({ kind: "cpu" });
  }
}

async function measureAll() {
  const model = join(folder, "model");
  await writeRandomModel(model, shape);
  const compile = (/** @type {object} */ options) =>
    compileModel(model, { precision: "fp16", cacheDirectory: join(folder, "compiled"), ...options });
  const graphs = {
    exact: await compile({ precision: "fp32" }),
    joined: await compile({ attention: "joined" }),
    apart: await compile({ attention: "apart" }),
    packed: await compile({ attention: "packed" }),
  };
  const base = { device: ready, model: graphs.joined, hosts: 1, shapes, seconds };
  /** Where something cannot be measured, why not is the result, and the rest goes on. */
  const measure = (/** @type {string} */ title, /** @type {object} */ task, environment = {}) => {
    process.stderr.write(`${title}\n`);
    return runMeasurement({ folder, task: { ...base, ...task }, environment }).catch((error) => ({
      error: String(error.message ?? error),
    }));
  };
  const rates = (/** @type {string} */ title, /** @type {object} */ task = {}, environment = {}) =>
    measure(title, { kind: "rates", ...task }, environment);

  const exact = await measure("vectors in fp32 on the processor", {
    kind: "parity",
    model: graphs.exact,
    device: { kind: "cpu" },
    shapes: shapes.map(([, length]) => [1, length]),
  });
  /** @type {Record<string, object>} */
  const parity = {};
  for (const layout of /** @type {const} */ (["joined", "apart", "packed"])) {
    const found = await measure(`vectors in fp16, ${layout}`, {
      kind: "parity",
      model: graphs[layout],
      shapes: shapes.map(([rows, length]) => [Math.min(rows, 64), length]),
    });
    parity[layout] =
      "error" in found ? found : { leastCosine: leastCosine(exact.vectors, found.vectors), mostMoved: found.mostMoved };
  }
  /** @type {Record<string, any>} */
  const variants = {
    joined: await rates("rates, joined"),
    apart: await rates("rates, apart", { model: graphs.apart }),
    packed: await rates("rates, packed", { model: graphs.packed }),
    "joined, optimised by ONNX Runtime": await rates("rates, optimised", { optimization: "all" }),
  };
  for (const [title, environment] of Object.entries(switches).slice(0, isGpu ? undefined : 1))
    variants[`joined, ${title}`] = await rates(`rates, ${title}`, {}, environment);
  /** @type {Record<string, any>} */
  const hosts = {};
  for (const count of isGpu ? [1, 2, 3] : [1, 2]) {
    const stop = sampleGpu(gpu);
    hosts[count] = { ...(await rates(`rates, ${count} hosts`, { hosts: count })), gpu: await stop() };
  }
  const batches = isGpu ? [1_024, 8_192, 32_768] : [32, 64];
  /** @type {Record<string, any>} */
  const mixed = {};
  for (const tokenBudget of isGpu ? [8_192, 32_768, 131_072] : [64, 256])
    mixed[tokenBudget] = await measure(`texts of many lengths, ${tokenBudget} tokens in a run`, {
      kind: "mixed",
      tokenBudget,
      batches,
    });
  process.stderr.write("transformers\n");
  const lengths = [...new Set(shapes.map(([, length]) => length))];
  const peer = await runPeer({
    folder,
    python: values.python,
    task: { model, shapes, seconds, gpu: isGpu ? gpu : null, ids: lengths.map(idsOf) },
  });
  const pipeline = await measurePipeline({
    folder,
    device: isGpu ? values.device : "cpu",
    python: values.python,
    isTiny: !isGpu,
  });
  const report = {
    name: "gpu",
    device: isGpu ? values.device : "cpu",
    isMeasured: isGpu,
    model: shape,
    parity,
    peer:
      "error" in peer ? peer : { ...peer, vectors: undefined, leastCosine: leastCosine(exact.vectors, peer.vectors) },
    variants,
    hosts,
    mixed,
    pipeline,
    gpu: await gpuFacts(),
    machine: await machineFacts(),
  };
  showReport(report);
  const out = values.out ?? (isGpu ? results : undefined);
  if (out === undefined) return;
  await mkdir(dirname(out), { recursive: true });
  await writeFile(out, `${JSON.stringify(report, undefined, 2)}\n`);
}

/** The rows whose vectors `measure.mjs` gives. @param {number} length @param {number} seed */
function idsOf(length, seed) {
  return Array.from({ length }, (_, index) => (index * 7_919 + seed * 104_729 + 101) % shape.vocabulary);
}

/** @param {readonly string[]} expected Base64 of float32 vectors. @param {readonly string[]} actual */
function leastCosine(expected, actual) {
  const floats = (/** @type {string} */ text) => new Float32Array(Uint8Array.from(Buffer.from(text, "base64")).buffer);
  const cosines = expected.map((text, row) => {
    const [a, b] = [floats(text), floats(actual[row] ?? "")];
    const dot = (/** @type {Float32Array} */ x, /** @type {Float32Array} */ y) =>
      x.reduce((sum, value, at) => sum + value * (y[at] ?? Number.NaN), 0);
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  });
  return Number(Math.min(...cosines).toFixed(9));
}
