import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const maxBuffer = 1 << 26;
const timeout = 300_000;

/**
 * @param {object} options
 * @param {string} options.folder For the task's file.
 * @param {object} options.task What `measure.mjs` is to do.
 * @param {Record<string, string>} options.environment Switches that ONNX Runtime reads.
 */
export async function runMeasurement({ folder, task, environment }) {
  const script = fileURLToPath(new URL("measure.mjs", import.meta.url));
  const env = { ...process.env, ...environment };
  return runJson(process.execPath, [script, await writeTask(folder, task)], env);
}

/**
 * transformers with the same weights, where Python has it.
 * @param {{ folder: string, python: string, task: object }} options
 */
export async function runPeer({ folder, python, task }) {
  const script = fileURLToPath(new URL("peer.py", import.meta.url));
  return runJson(python, [script, await writeTask(folder, task)], process.env).catch((error) => ({
    error: String(error.message ?? error),
  }));
}

/** @param {string} folder @param {object} task */
async function writeTask(folder, task) {
  const path = join(folder, "task.json");
  await writeFile(path, JSON.stringify(task));
  return path;
}

/** @param {string} command @param {readonly string[]} args @param {NodeJS.ProcessEnv} env */
async function runJson(command, args, env) {
  try {
    const { stdout } = await promisify(execFile)(command, args, { env, maxBuffer, timeout });
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  } catch (error) {
    throw new Error(reasonOf(error));
  }
}

/** The line that says what went wrong: the error's own, before its stack. @param {unknown} error */
function reasonOf(error) {
  const { stderr = "", message = "" } = /** @type {Error & { stderr?: string }} */ (error);
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const telling = lines.findLast((line) => /^\S*(Error|error)\b/.test(line)) ?? lines.at(-1) ?? message;
  return telling.trim().slice(0, 400);
}
