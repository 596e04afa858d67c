import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createSearcher } from "@millrace/workers";

/** A generator of pseudo-random numbers in [0, 1): the same seed gives the same numbers. Mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Markdown of some sections of made-up words, different for each seed. */
export function madeUpMarkdown(seed: number, sections = 3): string {
  const random = randomNumbers(seed);
  const word = () =>
    Array.from(
      { length: 2 + Math.floor(random() * 6) },
      () => "abcdefghijklmnopqrstuvwxyz"[Math.floor(random() * 26)],
    ).join("");
  const words = (count: number) => Array.from({ length: count }, word).join(" ");
  const section = () => `## ${words(3)}\n\n${words(10 + Math.floor(random() * 60))}.\n`;
  return `# ${words(2)}\n\n${Array.from({ length: sections }, section).join("\n")}`;
}

/** Writes files below a folder. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

/** Every point of a store: id → text and the vector's exact bits. */
export async function pointsOf(store: string): Promise<ReadonlyMap<string, string>> {
  const searcher = createSearcher(store);
  try {
    const points = new Map<string, string>();
    for await (const { record, vector } of searcher.scan()) {
      const bits = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64");
      points.set(record.id, JSON.stringify([record, bits]));
    }
    return points;
  } finally {
    await searcher.close();
  }
}

/** Prompts of words that the tiny generators know, as JSON lines; one in fifty is none. */
export function madeUpPrompts(rows: number): string {
  const lines = Array.from({ length: rows }, (_, index) => {
    const words = Array.from({ length: 1 + (index % 20) }, (_, word) => `t${(index * 13 + word * word) % 96}`);
    return JSON.stringify({ id: String(index), prompt: index % 50 === 7 ? "" : words.join(" ") });
  });
  return `${lines.join("\n")}\n`;
}
