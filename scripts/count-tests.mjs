import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/**
 * @typedef {object} JestResults What `jest --json` writes, as far as it is read here.
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {number} numRuntimeErrorTestSuites Files that could not be run at all; each counts as one failure.
 */

/**
 * The closing line of a run and whether all is well: at least one test passed, and nothing failed.
 * @param {JestResults | undefined} results Undefined where the runner died before it wrote them.
 * @param {number} otherFailures Failures of steps besides the tests.
 */
export function closingLine(results, otherFailures) {
  const passed = results?.numPassedTests ?? 0;
  const failedTests = results === undefined ? 1 : results.numFailedTests + results.numRuntimeErrorTestSuites;
  const failed = failedTests + otherFailures;
  const skipped = (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0);
  const line = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
  return { line, isGood: passed > 0 && failed === 0 };
}

/** @param {string} path */
function readResults(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [, , path = "", otherFailures = "0"] = process.argv;
  const { line, isGood } = closingLine(readResults(path), Number(otherFailures));
  process.stdout.write(`${line}\n`);
  process.exitCode = isGood ? 0 : 1;
}
