import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeReport } from "./report.mjs";
import { corpusLines } from "./texts.mjs";

/**
 * A whole run, one after 1 % of the documents have changed, and one after nothing has: what a refresh costs. The times are
 * those of the whole commands. Texts are cut short, so that the whole run is fast and the comparison strict.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: {
    documents: { type: "string", default: "40000" },
    "max-tokens": { type: "string", default: "32" },
    // So many files hold the documents.
    files: { type: "string", default: "100" },
  },
});

const folder = await mkdtemp(join(tmpdir(), "millrace-refresh-"));
try {
  const lines = (await corpusLines()).slice(0, Number(values.documents));
  await writeFiles(lines);
  const documents = lines.length;
  const whole = await index("everything", documents);
  // Every hundredth, so that each file has changed.
  const changed = lines.map((line, place) => (place % 100 === 7 ? withText(line, `Now other words. ${place}`) : line));
  await writeFiles(changed);
  const refreshed = await index("1 % changed", documents);
  const idle = await index("nothing changed", documents);
  const wanted = lines.filter((_, place) => place % 100 === 7).length;
  if (refreshed.encoded !== wanted) throw new Error(`${refreshed.encoded} documents were encoded, not ${wanted}`);
  await writeReport({
    name: "refresh",
    baseline: whole.peer,
    unit: "documents/s",
    results: [whole, refreshed, idle].map(({ encoded, ...row }) => ({
      ...row,
      measures: {
        "documents encoded": encoded,
        seconds: row.seconds.toFixed(1),
        "share of the whole run": `${((100 * row.seconds) / whole.seconds).toFixed(1)} %`,
      },
    })),
  });
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** @param {string} line @param {string} text */
function withText(line, text) {
  return JSON.stringify({ ...JSON.parse(line), text });
}

/** @param {readonly string[]} lines */
async function writeFiles(lines) {
  const files = Number(values.files);
  const perFile = Math.ceil(lines.length / files);
  for (let file = 0; file < files; file += 1) {
    const content = lines.slice(file * perFile, (file + 1) * perFile).map((line) => `${line}\n`);
    if (content.length > 0) await writeFile(join(folder, `${file}.jsonl`), content.join(""));
  }
}

/** @param {string} peer @param {number} count of the documents */
async function index(peer, count) {
  const startedAt = performance.now();
  const args = [
    "packages/cli/bin/millrace.js",
    "index",
    `${folder}/*.jsonl`,
    "--text-field",
    "text",
    "--json",
    "--quiet",
  ];
  const settings = ["--chunking-strategy", "truncate", "--max-tokens", values["max-tokens"]];
  const places = ["--store", join(folder, "store"), "--work", join(folder, "work")];
  const child = spawn(process.execPath, [...args, ...settings, ...places], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  for await (const piece of child.stdout) output += piece;
  const seconds = (performance.now() - startedAt) / 1000;
  const result = JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");
  if (!result.ok) throw new Error(`index failed: ${output}`);
  const { documents, unchangedDocuments, emptyDocuments } = result.documents;
  return {
    peer,
    seconds,
    documents: count,
    tokens: result.encoded.tokens,
    tokensPerSecond: Math.round(count / seconds),
    encoded: documents - unchangedDocuments - emptyDocuments,
  };
}
