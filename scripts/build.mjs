import { spawn } from "node:child_process";
import { join } from "node:path";
import { fail } from "./failure.mjs";
import { withProgress } from "./progress.mjs";

/**
 * Builds all packages; what did not change since the last build is not built again. Prints the compiler's errors only.
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env Its PATH begins with the Node to build with.
 */
export async function build(root, env) {
  const { code, output } = await withProgress("building", () => turbo(root, env));
  if (code === 0) return;
  process.stderr.write(withoutFrame(output));
  fail("E_RUNTIME", "the build failed: see the messages above");
}

/** @param {string} root @param {NodeJS.ProcessEnv} env @returns {Promise<{ code: number | null, output: string }>} */
function turbo(root, env) {
  const args = ["run", "build", "--output-logs=errors-only", "--log-prefix=none", "--log-order=grouped"];
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

/** Leaves out what turbo and npm say about themselves. @param {string} output */
function withoutFrame(output) {
  const frame = /^\s*(•|Tasks:|Cached:|Time:|Failed:|npm error|> |ERROR|WARNING|Packages changed)/;
  const lines = output.split("\n").filter((line) => line.trim() !== "" && !frame.test(line));
  return `${lines.join("\n")}\n`;
}
