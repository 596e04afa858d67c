#!/usr/bin/env node
import { delimiter, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runChild } from "../packages/cli/bin/run-child.mjs";
import { build } from "./build.mjs";
import { Failure, fail } from "./failure.mjs";
import { installPackages } from "./install.mjs";
import { provideNode } from "./node.mjs";
import { targets } from "./targets.mjs";

/**
 * Entry of `npm run demo`, `test`, `build`, `bench` and `check`. It needs Node 20 and npm, nothing else: what is missing
 * (packages, a newer Node, the build) is brought first, once.
 */
const root = fileURLToPath(new URL("..", import.meta.url));

/** @param {string} name @param {readonly string[]} args */
async function run(name, args) {
  const target = targets.get(name);
  if (target === undefined) fail("E_USAGE", `there is no "${name}"; choose one of ${[...targets.keys()].join(", ")}`);
  await installPackages(root);
  const node = await provideNode();
  // Tests and benchmarks run ONNX Runtime in their own process, too: it is not to report on them.
  const silence = { ORT_DISABLE_TELEMETRY: "1" };
  const env = { ...silence, ...process.env, PATH: [dirname(node), process.env.PATH].join(delimiter) };
  if (target.isBuilt) await build(root, env, { mayCompile: name !== "demo" });
  for (const command of target.commands(root, args)) {
    const code = await runChild(node, command, { cwd: root, env });
    if (code !== 0) return code;
  }
  return 0;
}

const [name = "", ...args] = process.argv.slice(2);
try {
  process.exitCode = await run(name, args);
} catch (error) {
  const { code, exit, message } = error instanceof Failure ? error : new Failure("E_RUNTIME", String(error));
  process.stderr.write(`error ${code}: ${message}\n`);
  process.exitCode = exit;
}
