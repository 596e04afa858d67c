import { createReadStream, existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createGunzip } from "node:zlib";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Short pages in many languages. */
export const tldr = join(root, "../shared/data/tldr-pages/corpus.jsonl.gz");
const scifact = join(root, "../shared/data/scifact/corpus.jsonl");

/**
 * Texts to measure with: a BEIR corpus where one is named or at hand (title and text joined), else the Markdown files of
 * this project's dependencies.
 * @param {number} limit
 * @param {string} [corpus] A BEIR `corpus.jsonl`.
 * @returns {Promise<{ name: string, texts: string[] }>}
 */
export async function benchmarkTexts(limit, corpus = scifact) {
  if (existsSync(corpus))
    return { name: corpus === scifact ? "SciFact" : corpus, texts: await beirTexts(corpus, limit) };
  const names = (await readdir(join(root, "node_modules"), { recursive: true })).filter((name) => /\.md$/i.test(name));
  const texts = await Promise.all(
    names
      .sort()
      .slice(0, limit)
      .map((name) => readFile(join(root, "node_modules", name), "utf8")),
  );
  return { name: "Markdown under node_modules", texts: texts.filter((text) => text.trim() !== "") };
}

/** @param {string} corpus @param {number} limit */
async function beirTexts(corpus, limit) {
  const texts = [];
  for await (const line of createInterface({ input: createReadStream(corpus) })) {
    const { title = "", text = "" } = JSON.parse(line);
    texts.push(`${title} ${text}`.trim());
    if (texts.length >= limit) break;
  }
  return texts;
}

/** JSON lines with a `text`, from the corpus where it is at hand, else made of what the other benchmarks read. */
export async function corpusLines(path = tldr) {
  if (!existsSync(path)) return (await benchmarkTexts(20_000)).texts.map((text) => JSON.stringify({ text }));
  const bytes = createReadStream(path);
  const input = path.endsWith(".gz") ? bytes.pipe(createGunzip()) : bytes;
  const lines = [];
  for await (const line of createInterface({ input })) lines.push(line);
  return lines;
}
