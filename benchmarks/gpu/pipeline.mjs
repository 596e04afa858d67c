import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const main = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const tinyModel = fileURLToPath(new URL("../../tests/golden/tiny-bert/mean-normalized", import.meta.url));

/**
 * The whole way from texts to a store with the real command, tokenizing included. A bare machine has the engines alone.
 * @param {{ folder: string, device: string, python: string, isTiny: boolean }} options
 */
export async function measurePipeline({ folder, device, python, isTiny }) {
  if (!existsSync(main)) return { error: "the command is not on this machine" };
  const { benchmarkTexts } = await import("../texts.mjs");
  const { name, texts } = await benchmarkTexts(isTiny ? 20 : 5_000);
  const rounds = isTiny ? 1 : 8;
  const corpus = join(folder, "corpus.jsonl");
  const lines = Array.from({ length: rounds }, (_, round) =>
    texts.map((text) => JSON.stringify({ text: `${round} ${text}` })),
  );
  await writeFile(corpus, lines.flat().join("\n"));
  const model = isTiny ? tinyModel : "all-MiniLM-L6-v2";
  const args = [
    "index",
    corpus,
    "--model",
    model,
    "--device",
    device,
    "--precision",
    "fp16",
    "--python",
    python,
    "--json",
  ];
  const places = ["--store", join(folder, "store"), "--work", join(folder, "work"), "--max-quarantined", "100000"];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [main, ...args, ...places], {
      maxBuffer: 1 << 26,
      timeout: 600_000,
    });
    const result = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
    const { tokensPerSecond, tokens, chunks } = result.encoded;
    return {
      corpus: name,
      device: result.device,
      provider: result.provider,
      seconds: result.seconds,
      tokens,
      chunks,
      tokensPerSecond,
    };
  } catch (error) {
    const { stderr = "", message = "" } = /** @type {Error & { stderr?: string }} */ (error);
    return { error: (stderr.trim().split("\n").at(-1) ?? message).slice(0, 400) };
  }
}
