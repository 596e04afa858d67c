import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure, fail } from "./failure.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const found = 99;

/** Code that V8 compiles has no place in valgrind's books: it interprets instead. */
const args = [
  "--quiet",
  "--smc-check=all-non-file",
  "--num-callers=40",
  "--leak-check=full",
  "--show-leak-kinds=definite",
  "--errors-for-leak-kinds=definite",
  `--error-exitcode=${found}`,
  `--suppressions=${join(root, "packages/native/valgrind.supp")}`,
  process.execPath,
  "--jitless",
  "--no-warnings",
  join(root, "tests/native/exercise.mjs"),
  join(root, "tests/golden/native"),
];

/** Watches the native binding do each thing once. Fails on memory that is misused or lost. */
async function checkMemory() {
  const code = await /** @type {Promise<number | null>} */ (
    new Promise((resolve, reject) => {
      const child = spawn("valgrind", args, { cwd: root, stdio: "inherit" });
      child.on("error", reject);
      child.on("close", resolve);
    }).catch(({ message }) => fail("E_RUNTIME", `valgrind cannot be started (${message}). Install it.`))
  );
  if (code === found) fail("E_RUNTIME", "the native binding misuses or loses memory: see the messages above");
  if (code !== 0) fail("E_RUNTIME", `the watched process ended with ${code}: see the messages above`);
  process.stdout.write("no memory is misused or lost\n");
}

await checkMemory().catch((error) => {
  const { code, exit, message } = error instanceof Failure ? error : new Failure("E_RUNTIME", String(error));
  process.stderr.write(`error ${code}: ${message}\n`);
  process.exitCode = exit;
});
