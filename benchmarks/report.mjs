import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus, platform, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

/**
 * @typedef {object} BenchmarkResult One row of a report; peers' results are of this kind.
 * @property {string} peer What was measured.
 * @property {number} tokensPerSecond Median, where it was measured more than once.
 * @property {string} [version]
 * @property {number} [seconds]
 * @property {number} [documents]
 * @property {number} [tokens]
 * @property {Record<string, string | number>} [settings]
 * @property {Record<string, string | number>} [measures] Whatever else was measured, such as a cosine to fp32.
 *
 * @typedef {object} Report
 * @property {string} name Of the benchmark: the file is `benchmarks/results/<name>.json`.
 * @property {string} baseline The `peer` that the others are compared with.
 * @property {string} [unit] What `tokensPerSecond` counts, where it is not tokens.
 * @property {readonly BenchmarkResult[]} results
 */

/** Instructions that decide how fast a model runs on a CPU. */
const tellingFlags =
  /^(avx|avx2|fma|avx512f|avx512_vnni|avx_vnni|avx512_bf16|avx512_fp16|amx_\w+|asimd\w*|i8mm|bf16|sve\w*)$/;

/**
 * Prints the table and writes the results with the facts of the machine to `benchmarks/results/<name>.json`.
 * @param {Report} report
 * @returns {Promise<string>} The table, in Markdown.
 */
export async function writeReport(report) {
  const machine = await machineFacts();
  const folder = fileURLToPath(new URL("results", import.meta.url));
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/${report.name}.json`, `${JSON.stringify({ ...report, machine }, undefined, 2)}\n`);
  const place = `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node}`;
  const table = `${markdownTable(report)}\n\n${place}; ${machine.flags.join(" ")}\n`;
  process.stdout.write(`${table}\n`);
  return table;
}

/** Fastest first, each with its ratio to the baseline. @param {Report} report */
export function markdownTable({ baseline, unit = "tokens/s", results }) {
  const reference = results.find(({ peer }) => peer === baseline);
  const measures = [...new Set(results.flatMap((result) => Object.keys(result.measures ?? {})))];
  const header = ["system", unit, "documents/s", `against ${baseline}`, ...measures];
  const sorted = [...results].sort((a, b) => b.tokensPerSecond - a.tokensPerSecond);
  const rows = sorted.map((result) => [
    systemName(result),
    grouped(result.tokensPerSecond),
    documentsPerSecond(result),
    reference === undefined ? "–" : `${(result.tokensPerSecond / reference.tokensPerSecond).toFixed(2)} ×`,
    ...measures.map((measure) => String(result.measures?.[measure] ?? "–")),
  ]);
  const rule = header.map((_, column) => (column === 0 ? "---" : "---:"));
  return [header, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** @param {BenchmarkResult} result */
function systemName({ peer, version, settings }) {
  const precision = settings?.precision;
  return [peer, version, precision].filter((part) => part !== undefined).join(" ");
}

/** @param {BenchmarkResult} result */
function documentsPerSecond({ documents, seconds }) {
  return documents === undefined || seconds === undefined ? "–" : (documents / seconds).toFixed(1);
}

/** @param {number} value */
function grouped(value) {
  return Math.round(value).toLocaleString("en-US");
}

/** What a reader needs to know to judge the figures. */
export async function machineFacts() {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    flags: await cpuFlags(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    node: process.versions.node,
    versions: await packageVersions(),
  };
}

async function cpuFlags() {
  const facts = await readFile("/proc/cpuinfo", "utf8").catch(() => "");
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(facts)?.[1]?.split(" ") ?? [];
  return flags.filter((flag) => tellingFlags.test(flag));
}

/** Exact versions of what the packages depend on. @returns {Promise<Record<string, string>>} */
async function packageVersions() {
  const versions = {};
  for (const name of ["cli", "compiler", "workers"]) {
    const manifest = new URL(`../packages/${name}/package.json`, import.meta.url);
    Object.assign(versions, JSON.parse(await readFile(manifest, "utf8")).dependencies);
  }
  return versions;
}
