import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startTemporal } from "../tests/services/temporal-server.ts";
import { writeReport } from "./report.mjs";
import { corpusLines } from "./texts.mjs";

/**
 * The same job in one process and on a worker of a Temporal server on the same machine, in turns: what orchestration costs.
 * Both read one file and write a LanceDB store; the time is that of the whole command.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: { documents: { type: "string", default: "2000" }, rounds: { type: "string", default: "2" } },
});

const folder = await mkdtemp(join(tmpdir(), "millrace-fleet-"));
const temporal = await startTemporal(folder);
const env = { ...process.env, TEMPORAL_ADDRESS: temporal.address };
const worker = millrace(["worker", "--quiet", "--json"]);
try {
  const lines = (await corpusLines()).slice(0, Number(values.documents));
  const corpus = join(folder, "corpus.jsonl");
  await writeFile(corpus, `${lines.join("\n")}\n`);
  const rates = new Map([
    ["embedded", /** @type {{ seconds: number, tokens: number }[]} */ ([])],
    ["temporal", /** @type {{ seconds: number, tokens: number }[]} */ ([])],
  ]);
  // The worker opens its model while the first run goes on without it.
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [on, runs] of rates) runs.push(await index(corpus, { on, name: `${on}-${round}` }));
  }
  const results = [...rates].map(([on, runs]) => row(on, runs));
  await writeReport({ name: "fleet", baseline: "embedded", results });
} finally {
  worker.kill("SIGKILL");
  await temporal.server.kill();
  await rm(folder, { recursive: true, force: true });
}

/** @param {string} peer @param {{ seconds: number, tokens: number }[]} runs */
function row(peer, runs) {
  const best = runs.reduce((least, run) => (run.seconds < least.seconds ? run : least));
  const documents = Number(values.documents);
  const { seconds, tokens } = best;
  const all = runs.map((run) => run.seconds.toFixed(1)).join(", ");
  return {
    peer,
    seconds,
    documents,
    tokens,
    tokensPerSecond: Math.round(tokens / seconds),
    measures: { seconds: all },
  };
}

/** @param {string} corpus @param {{ on: string, name: string }} run @returns Of the whole command. */
async function index(corpus, { on, name }) {
  const places = ["--store", join(folder, name, "store"), "--work", join(folder, name, "work")];
  const startedAt = performance.now();
  const child = millrace(["index", corpus, "--text-field", "text", "--on", on, "--json", "--quiet", ...places]);
  let output = "";
  for await (const piece of child.stdout) output += piece;
  const seconds = (performance.now() - startedAt) / 1000;
  const result = JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");
  if (!result.ok) throw new Error(`index --on ${on} failed: ${output}`);
  return { seconds, tokens: on === "embedded" ? result.encoded.tokens : result.worked.tokens };
}

/** @param {readonly string[]} args */
function millrace(args) {
  const command = ["packages/cli/bin/millrace.js", ...args];
  return spawn(process.execPath, command, { cwd: root, env, stdio: ["ignore", "pipe", "inherit"] });
}
