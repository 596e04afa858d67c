#!/usr/bin/env node
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { minimumNode, nodeForMillrace } from "./node-version.mjs";
import { runChild } from "./run-child.mjs";

const main = new URL("../dist/main.js", import.meta.url);
const node = nodeForMillrace();

if (node === undefined) {
  fail(`millrace needs Node ${minimumNode} or newer: this is Node ${process.versions.node}. Install a newer Node.js.`);
} else if (!existsSync(main)) {
  fail("millrace is not built yet: packages/cli/dist/main.js is missing. Run: npm run build");
} else if (node === process.execPath) {
  await import(main.href);
} else {
  await runAgainWith(node);
}

/**
 * Runs the same command with another Node.
 * @param {string} node
 */
async function runAgainWith(node) {
  try {
    process.exitCode = await runChild(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)]);
  } catch (error) {
    fail(
      `${node} cannot be started: ${error instanceof Error ? error.message : error}. Delete it and run npm run build.`,
    );
  }
}

/** @param {string} message */
function fail(message) {
  process.stderr.write(`error E_RUNTIME: ${message}\n`);
  process.exitCode = 4;
}
