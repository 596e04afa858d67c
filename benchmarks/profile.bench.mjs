import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { openModel } from "./model.mjs";
import { machineFacts, writeReport } from "./report.mjs";

/**
 * Where a run's time goes, operator by operator, on one core, and which share of what the core can multiply it uses. Time is
 * that on the processor, least of many runs: other work on the machine hardly changes it.
 */
const shape = { rows: 4, length: 128 };
const rounds = 20;
/** Operators with less are summed up. */
const leastShare = 0.01;

// The workers' copy of the binding, so that the profile is of the library that runs for users.
const { InferenceSession, Tensor } = createRequire(new URL("../packages/workers/package.json", import.meta.url))(
  "onnxruntime-node",
);

const sessionOptions = {
  graphOptimizationLevel: "basic",
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  extra: { session: { intra_op: { allow_spinning: "0" } } },
};

const machine = await machineFacts();
const clock = clockRate();
const results = [];
for (const precision of /** @type {const} */ (["int8", "fp32"])) results.push(await profile(precision));
await writeReport({ name: "profile", baseline: "fp32", results });

/** @param {"int8" | "fp32"} precision */
async function profile(precision) {
  const { compiled } = await openModel(undefined, precision);
  const graph = await readFile(compiled.graphPath);
  const tokens = shape.rows * shape.length;
  const seconds = await leastSeconds(graph);
  const { shares, productShare } = await operatorShares(graph);
  const peak = clock * operationsPerCycle(precision);
  const { layer, attention } = operationsPerToken(compiled);
  return {
    peer: precision,
    tokensPerSecond: Math.round(tokens / seconds),
    seconds,
    tokens,
    settings: { ...shape, threads: 1 },
    measures: {
      "µs of CPU for a token": Number(((seconds * 1e6) / tokens).toFixed(1)),
      "share of the core's peak": percent(((layer + attention) * tokens) / seconds / peak),
      "share of the peak inside products with weights": percent((layer * tokens) / (seconds * productShare) / peak),
      operators: shares.map(([name, share]) => `${name} ${percent(share)}`).join(", "),
    },
  };
}

/** @param {Uint8Array} graph */
async function leastSeconds(graph) {
  const session = await InferenceSession.create(graph, sessionOptions);
  const feeds = inputs(session);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const before = process.cpuUsage();
    await session.run(feeds);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1e6);
  }
  await session.release();
  return least;
}

/** Ids of words, all of them different. @param {{ inputNames: readonly string[] }} session */
function inputs(session) {
  const { rows, length } = shape;
  const ids = Int32Array.from({ length: rows * length }, (_, at) => 1_000 + ((at * 7_919) % 20_000));
  return { [String(session.inputNames[0])]: new Tensor("int32", ids, [rows, length]) };
}

/** Each operator's share of the time in kernels, largest first, by ONNX Runtime's own profiler. @param {Uint8Array} graph */
async function operatorShares(graph) {
  const folder = await mkdtemp(join(tmpdir(), "millrace-profile-"));
  try {
    const profiling = { enableProfiling: true, profileFilePrefix: join(folder, "profile") };
    const session = await InferenceSession.create(graph, { ...sessionOptions, ...profiling });
    const feeds = inputs(session);
    for (let round = 0; round < rounds; round += 1) await session.run(feeds);
    session.endProfiling();
    await session.release();
    const [file] = await readdir(folder);
    const events = JSON.parse(await readFile(join(folder, String(file)), "utf8"));
    return shares(events);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param {readonly { cat: string, name: string, dur: number, args: { op_name: string } }[]} events */
function shares(events) {
  const kernels = events.filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"));
  const total = kernels.reduce((sum, { dur }) => sum + dur, 0);
  const byOperator = [...Map.groupBy(kernels, ({ args }) => args.op_name)]
    .map(
      ([name, runs]) => /** @type {[string, number]} */ ([name, runs.reduce((sum, { dur }) => sum + dur, 0) / total]),
    )
    .sort(([, left], [, right]) => right - left);
  const large = byOperator.filter(([, share]) => share >= leastShare);
  const rest = 1 - large.reduce((sum, [, share]) => sum + share, 0);
  const productShare = byOperator.find(([name]) => name.startsWith("MatMul"))?.[1] ?? 1;
  return { shares: [...large, /** @type {[string, number]} */ (["others", rest])], productShare };
}

/**
 * Multiplications and additions for one token: two for each weight of the layers, and attention's two products with each
 * token of the row. A model's other parameters are its tables of words and positions, which are only looked up.
 * @param {import("./model.mjs").Model["compiled"]} model
 */
function operationsPerToken({ parameters, vocabularySize, dimensions, maxTokens }) {
  const weights = parameters - (vocabularySize + maxTokens) * dimensions;
  const layers = Math.round(weights / (12 * dimensions ** 2));
  return { layer: 2 * weights, attention: 4 * layers * shape.length * dimensions };
}

/**
 * What a core multiplies and adds in a cycle. AVX2 has two multipliers of 256 bits; without VNNI an 8-bit product takes two
 * instructions of them (VPMADDUBSW, VPMADDWD). AVX-512 doubles that on Intel's cores; AMD's to Zen 4 halve each instruction.
 * @param {"int8" | "fp32"} precision
 */
function operationsPerCycle(precision) {
  const isIntel = /intel/i.test(cpus()[0]?.model ?? "");
  const isWide = machine.flags.includes("avx512f") && isIntel;
  const hasVnni = machine.flags.some((flag) => flag === "avx512_vnni" || flag === "avx_vnni");
  const avx2 = precision === "fp32" ? 32 : hasVnni ? 128 : 64;
  return isWide ? 2 * avx2 : avx2;
}

/** Cycles a second of this core as it runs now: of multiplications of integers, each of which waits three cycles for the last. */
function clockRate() {
  const steps = 1e8;
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    const before = process.cpuUsage();
    multiplyInTurn(steps, 3 + round);
    least = Math.min(least, process.cpuUsage(before).user / 1e6);
  }
  return (3 * steps) / least;
}

/** @param {number} steps @param {number} factor */
function multiplyInTurn(steps, factor) {
  let value = 1;
  for (let step = 0; step < steps; step += 8) {
    value = Math.imul(value, factor);
    value = Math.imul(value, factor);
    value = Math.imul(value, factor);
    value = Math.imul(value, factor);
    value = Math.imul(value, factor);
    value = Math.imul(value, factor);
    value = Math.imul(value, factor);
    value = Math.imul(value, factor);
  }
  return value;
}

/** @param {number} share */
function percent(share) {
  return `${(share * 100).toFixed(0)} %`;
}
