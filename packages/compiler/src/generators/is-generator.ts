import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isRecord, readJsonOrNothing } from "../json.js";
import { isLlama2c } from "./from-llama2c.js";

/** Endings of transformers' names for classes that generate. */
const generates = /(?:ForCausalLM|LMHeadModel|ForConditionalGeneration|MTModel)$/;

/**
 * Whether the model in a directory answers prompts: a checkpoint of llama.cpp or llama2.c, or one whose config.json names a
 * class that generates. What sentence-transformers has saved makes vectors, whatever it was trained from.
 */
export async function isGenerator(directory: string): Promise<boolean> {
  const names: readonly string[] = await readdir(directory).catch(() => []);
  if (names.includes("modules.json")) return false;
  if (names.includes("config.json")) return namesGenerator(await readJsonOrNothing(join(directory, "config.json")));
  if (names.some((name) => name.endsWith(".gguf"))) return true;
  for (const name of names.filter((other) => other.endsWith(".bin")))
    if (await isLlama2c(join(directory, name))) return true;
  return false;
}

/** Whoever compiles it says what is wrong with a file that cannot be read. */
function namesGenerator(config: unknown): boolean {
  const architectures = isRecord(config) ? config.architectures : undefined;
  return Array.isArray(architectures) && architectures.some((name) => generates.test(String(name)));
}
