import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { openModel } from "./model.mjs";
import { writeReport } from "./report.mjs";

/**
 * From the start of a command to its end where there is one vector to make and the model is compiled: `search` is all that
 * lies before a first vector, and looking for it in a store; `index` of one document writes a store as well.
 */
const command = fileURLToPath(new URL("../packages/cli/bin/millrace.js", import.meta.url));
const run = promisify(execFile);
const { values } = parseArgs({ options: { rounds: { type: "string", default: "9" } } });
const rounds = Number(values.rounds);

const folder = await mkdtemp(join(tmpdir(), "millrace-bench-"));
try {
  const corpus = join(folder, "corpus.md");
  await writeFile(corpus, "# Water mills\n\nA mill race is the channel that leads water to a mill's wheel.\n");
  const results = [];
  for (const precision of /** @type {const} */ (["int8", "fp32"])) {
    await openModel(undefined, precision);
    const store = join(folder, precision);
    const places = ["--store", store, "--precision", precision, "--quiet"];
    const index = () => millrace(["index", corpus, "--work", join(folder, "work"), ...places]);
    const search = () => millrace(["search", "what drives a mill", ...places]);
    const indexing = await timed(index, () => rm(store, { recursive: true, force: true }));
    results.push(result("index of one document", precision, indexing));
    results.push(result("search", precision, await timed(search)));
  }
  await writeReport({ name: "start", baseline: "search", unit: "commands/min", results });
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** @param {readonly string[]} args */
async function millrace(args) {
  await run(process.execPath, [command, ...args]);
}

/**
 * Seconds of each round, sorted; the first one before, which brings files into memory, is not among them.
 * @param {() => Promise<void>} act
 * @param {() => Promise<void>} [undo] Before each round.
 */
async function timed(act, undo = async () => {}) {
  const seconds = [];
  for (let round = 0; round <= rounds; round += 1) {
    await undo();
    const startedAt = performance.now();
    await act();
    if (round > 0) seconds.push((performance.now() - startedAt) / 1000);
  }
  return seconds.sort((a, b) => a - b);
}

/** @param {string} peer @param {string} precision @param {readonly number[]} seconds */
function result(peer, precision, seconds) {
  const median = seconds[seconds.length >> 1] ?? 0;
  const measures = { "median, s": median.toFixed(2), "slowest, s": (seconds.at(-1) ?? 0).toFixed(2) };
  return { peer, tokensPerSecond: 60 / median, settings: { precision, rounds }, measures };
}
