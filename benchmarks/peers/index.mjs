import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isInstalled, npmFolder, peersFolder, python, pythonFolder } from "./places.mjs";

/**
 * @typedef {object} PeerResult
 * @property {string} peer
 * @property {string} version
 * @property {number} seconds Tokenizing included, loading the model not.
 * @property {number} documents
 * @property {number} tokens After truncation, special tokens included, no padding.
 * @property {number} tokensPerSecond
 * @property {Record<string, string | number>} settings
 * @property {Record<string, string | number>} [measures]
 *
 * @typedef {object} PeerRun
 * @property {string} textsPath JSONL of `{"text": …}`.
 * @property {string} modelDirectory As Hugging Face lays it out.
 * @property {number} threads
 * @property {number} [maxTokens] Longer texts are cut to this many tokens; 256.
 */

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));

const peers = [
  {
    name: "OpenVINO",
    folder: pythonFolder,
    command: async (/** @type {PeerRun} */ peerRun) => [
      ...[python, "openvino_peer.py", "--model", peerRun.modelDirectory],
      ...["--cache", `${await exportedModel(peerRun)}-openvino`],
    ],
  },
  {
    name: "sentence-transformers",
    folder: pythonFolder,
    command: (/** @type {PeerRun} */ { modelDirectory }) => [
      python,
      "sentence_transformers_peer.py",
      "--model",
      modelDirectory,
    ],
  },
  {
    name: "fastembed",
    folder: pythonFolder,
    command: async (/** @type {PeerRun} */ peerRun) => [
      python,
      "fastembed_peer.py",
      "--model",
      await exportedModel(peerRun),
    ],
  },
  ...["fp32", "q8"].map((dtype) => ({
    name: `transformers.js ${dtype}`,
    folder: npmFolder,
    command: async (/** @type {PeerRun} */ peerRun) => [
      ...[process.execPath, "transformers_js_peer.mjs", "--packages", npmFolder],
      ...["--model", await exportedModel(peerRun), "--dtype", dtype],
    ],
  })),
];

/**
 * Measures every peer that is installed, one after another, on the same texts, truncation and cores. A peer that is
 * absent or fails is skipped with a line on standard error.
 * @param {PeerRun} peerRun
 * @returns {Promise<PeerResult[]>}
 */
export async function runPeers(peerRun) {
  const results = [];
  for (const { name, folder, command } of peers) {
    if (!isInstalled(folder)) {
      process.stderr.write(`skipped ${name}: it is not installed. Run: node benchmarks/peers/install.mjs\n`);
      continue;
    }
    try {
      results.push(await measurePeer(await command(peerRun), peerRun));
    } catch (error) {
      process.stderr.write(`skipped ${name}: ${reasonOf(error)}\n`);
    }
  }
  return results;
}

/**
 * @param {readonly string[]} command
 * @param {PeerRun} peerRun
 * @returns {Promise<PeerResult>}
 */
async function measurePeer([file = "", script = "", ...args], { textsPath, threads, maxTokens = 256 }) {
  const sizes = ["--texts", textsPath, "--threads", String(threads), "--max-tokens", String(maxTokens)];
  const env = { ...process.env, ...threadLimits(threads), HF_HUB_OFFLINE: "1", PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout } = await run(file, [join(here, script), ...args, ...sizes], { env, maxBuffer: 1 << 26 });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

/** Keeps every library's own thread pool to the cores that are measured. @param {number} threads */
function threadLimits(threads) {
  const names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"];
  return Object.fromEntries(names.map((name) => [name, String(threads)]));
}

/**
 * The model as plain ONNX in fp32 and q8, exported once per model and truncation into the cache.
 * @param {PeerRun} peerRun
 */
async function exportedModel({ modelDirectory, maxTokens = 256 }) {
  const digest = createHash("sha256");
  await pipeline(createReadStream(join(modelDirectory, "model.safetensors")), digest);
  const folder = join(peersFolder, `onnx-${digest.digest("hex").slice(0, 16)}-${maxTokens}`);
  if (existsSync(folder)) return folder;
  if (!isInstalled(pythonFolder)) throw new Error("exporting the model to ONNX needs the Python peers");
  const staging = await mkdtemp(join(peersFolder, `${basename(folder)}.new-`));
  try {
    await run(python, [join(here, "make_peer_onnx.py"), modelDirectory, staging, String(maxTokens)]);
    await rename(staging, folder);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return folder;
}

/** The last line a failed process wrote. @param {unknown} error */
function reasonOf(error) {
  const { stderr = "", message = String(error) } = /** @type {{ stderr?: string, message?: string }} */ (error);
  return stderr.trim().split("\n").at(-1) || message.split("\n", 1).join("");
}
