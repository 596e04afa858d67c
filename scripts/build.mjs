import { spawn } from "node:child_process";
import { join } from "node:path";
import { fail } from "./failure.mjs";
import { provideAddon } from "./native.mjs";
import { withProgress } from "./progress.mjs";

/**
 * Builds all packages; what did not change since the last build is not built again. Prints the compiler's errors only.
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env Its PATH begins with the Node to build with.
 * @param {{ mayCompile: boolean }} addon Whether the native addon is compiled where the cache does not have it.
 */
export async function build(root, env, addon) {
  await provideAddon(root, addon);
  const { code, output } = await withProgress("building", () => turbo(root, env));
  if (code === 0) return;
  process.stderr.write(compilerMessages(output));
  fail("E_RUNTIME", "the build failed: see the messages above");
}

/** @param {string} root @param {NodeJS.ProcessEnv} env @returns {Promise<{ code: number | null, output: string }>} */
function turbo(root, env) {
  const args = ["run", "build", "--output-logs=errors-only", "--log-prefix=task", "--log-order=grouped"];
  const quiet = { TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1", TURBO_NO_UPDATE_NOTIFIER: "1" };
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, "node_modules", ".bin", "turbo"), args, {
      cwd: root,
      env: { ...env, ...quiet },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (data) => (output += data));
    child.stderr.on("data", (data) => (output += data));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

/**
 * Keeps the compilers' messages, each under its package's name, and leaves out what turbo and npm say about themselves.
 * @param {string} output
 */
export function compilerMessages(output) {
  const messages = [...output.matchAll(/^(\S+):build: (.*)$/gm)].map(([, name, message]) => ({ name, message }));
  const frame = /^\s*$|^(cache (miss|hit)|npm |> |ERROR)/;
  const telling = messages.filter(({ message = "" }) => !frame.test(message.trimStart()));
  const lines = telling.map(({ name, message }) => `${name} ${message}\n`);
  return lines.length > 0 ? lines.join("") : output;
}
