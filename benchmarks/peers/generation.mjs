import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { python } from "./places.mjs";

/**
 * @typedef {object} GenerationRun
 * @property {string} directory With a GGUF file.
 * @property {number} threads
 * @property {number} promptTokens Of the prompt that reading is measured with.
 * @property {number} shortPrompt Tokens before each answer.
 * @property {number} newTokens
 * @property {readonly number[]} rows
 */

const run = promisify(execFile);
const here = fileURLToPath(new URL(".", import.meta.url));

/** Each prints one JSON line: a list of benchmark results. llama-cpp-python is built from source where it is installed. */
const peers = [
  { name: "llama.cpp", script: "llama_cpp_peer.py" },
  { name: "transformers", script: "transformers_generation_peer.py" },
];

/**
 * Measures every peer that can be imported; one that cannot, or fails, is skipped with a line on standard error.
 * @param {GenerationRun} generationRun
 */
export async function runGenerationPeers({ directory, threads, rows, ...lengths }) {
  const file = readdirSync(directory).find((name) => name.endsWith(".gguf"));
  const results = [];
  for (const { name, script } of peers) {
    try {
      if (file === undefined || !existsSync(python))
        throw new Error("no GGUF file, or the Python peers are not installed");
      const { promptTokens, shortPrompt, newTokens } = lengths;
      const sizes = ["--prompt", promptTokens, "--short-prompt", shortPrompt, "--tokens", newTokens, "--rows", rows];
      const settings = ["--model", join(directory, file), "--threads", threads, ...sizes].map(String);
      const args = [join(here, script), ...settings];
      const env = {
        ...process.env,
        OMP_NUM_THREADS: String(threads),
        HF_HUB_OFFLINE: "1",
        PYTHONDONTWRITEBYTECODE: "1",
      };
      const { stdout } = await run(python, args, { env, maxBuffer: 1 << 26 });
      results.push(...JSON.parse(stdout.trim().split("\n").at(-1) ?? "[]"));
    } catch (error) {
      const { stderr = "", message = "" } = /** @type {{ stderr?: string, message?: string }} */ (error);
      process.stderr.write(`skipped ${name}: ${stderr.trim().split("\n").at(-1) || message.split("\n", 1).join("")}\n`);
    }
  }
  return results;
}
