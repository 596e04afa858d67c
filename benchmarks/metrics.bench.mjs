import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median } from "./median.mjs";
import { writeReport } from "./report.mjs";
import { corpusLines, tldr } from "./texts.mjs";

/**
 * What watching a run costs: `millrace index` alone, with metrics that are scraped every second, with spans that are sent to a
 * collector, and with a log of everything, in turns. Compared is the processor time of all its processes, which another
 * program on the machine disturbs less than the time on the clock; the ratio is the median over rounds.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: {
    documents: { type: "string", default: "1000" },
    rounds: { type: "string", default: "5" },
    corpus: { type: "string", default: tldr },
  },
});

/** Free now, and taken by each run that is scraped. */
const metricsPort = await freePort();
const collector = createServer((request, response) => request.resume().on("end", () => response.end()));
await new Promise((resolve) => collector.listen(0, "127.0.0.1", () => resolve(undefined)));
const address = /** @type {import("node:net").AddressInfo} */ (collector.address());

/** What each kind of run is given more. @type {Readonly<Record<string, readonly string[]>>} */
const kinds = {
  "nobody watches": [],
  metrics: ["--metrics-port", String(metricsPort)],
  tracing: ["--otlp-endpoint", `http://127.0.0.1:${address.port}`],
  "log of everything": ["--log-format", "json", "--log-level", "trace"],
};

const folder = await mkdtemp(join(tmpdir(), "millrace-watching-"));
try {
  const lines = (await corpusLines(values.corpus)).slice(0, Number(values.documents));
  const corpus = join(folder, "corpus.jsonl");
  await writeFile(corpus, lines.join("\n"));
  const names = Object.keys(kinds);
  /** @type {Map<string, Measured[]>} */
  const measured = new Map(names.map((name) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round += 1) {
    // Each kind stands at each place: the one that comes first finds the disk's pages cold.
    for (const name of names.map((_, place) => /** @type {string} */ (names[(place + round) % names.length])))
      measured.get(name)?.push(await index(name, corpus, round));
  }
  const alone = measured.get("nobody watches") ?? [];
  const results = names.map((name) => {
    const runs = measured.get(name) ?? [];
    const ratios = runs.map(({ processorSeconds }, round) => processorSeconds / (alone[round]?.processorSeconds ?? 1));
    return {
      peer: name,
      documents: lines.length,
      seconds: median(runs.map(({ seconds }) => seconds)),
      tokensPerSecond: Math.round(median(runs.map(({ tokens, processorSeconds }) => tokens / processorSeconds))),
      measures: {
        "processor seconds": median(runs.map(({ processorSeconds }) => processorSeconds)).toFixed(2),
        "of those alone": `${(100 * median(ratios)).toFixed(1)} %`,
        "least and most": `${(100 * Math.min(...ratios)).toFixed(1)}–${(100 * Math.max(...ratios)).toFixed(1)} %`,
      },
    };
  });
  await writeReport({ name: "metrics", baseline: "nobody watches", unit: "tokens for a second of processor", results });
} finally {
  collector.close();
  await rm(folder, { recursive: true, force: true });
}

/** @typedef {{ seconds: number, tokens: number, processorSeconds: number }} Measured */

/**
 * The shell's `time` counts a process and all that it has waited for: hosts are among them.
 * @param {string} kind @param {string} corpus @param {number} round @returns {Promise<Measured>}
 */
async function index(kind, corpus, round) {
  const place = join(folder, `${kind}-${round}`.replaceAll(" ", "-"));
  const places = ["--store", join(place, "store"), "--work", join(place, "work")];
  const command = ["packages/cli/bin/millrace.js", "index", corpus, "--text-field", "text", "--json", ...places];
  const script = 'TIMEFORMAT="%U %S"; exec 3>&2; { time "$@" 2>/dev/null 3>&-; } 2>&3';
  const args = ["-c", script, "bash", process.execPath, ...command, ...(kinds[kind] ?? [])];
  const child = spawn("bash", args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const scraping = kind === "metrics" ? scrape() : undefined;
  const [output, timed] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  clearInterval(scraping);
  const result = JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");
  if (!result.ok) throw new Error(`index failed: ${output}`);
  const [user = 0, system = 0] = timed.trim().split(" ").map(Number);
  await rm(place, { recursive: true, force: true });
  return { seconds: result.seconds, tokens: result.encoded.tokens, processorSeconds: user + system };
}

/** Asks for the metrics once a second, whether or not they are served yet. */
function scrape() {
  return setInterval(() => {
    fetch(`http://127.0.0.1:${metricsPort}/metrics`).then(
      (response) => response.text(),
      () => "",
    );
  }, 1_000);
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** @param {NodeJS.ReadableStream} stream */
async function textOf(stream) {
  let text = "";
  for await (const piece of stream) text += piece;
  return text;
}
