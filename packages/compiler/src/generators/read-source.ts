import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { MillraceError } from "@millrace/core";
import { readDirectorySource } from "./from-directory.js";
import { isGgufFile, readGgufSource } from "./from-gguf.js";
import { isLlama2c, readLlama2cSource } from "./from-llama2c.js";
import type { GeneratorSource } from "./generator-source.js";

/**
 * Reads a generator's small files: a directory as transformers saves it, a GGUF file or a llama2.c checkpoint, or a
 * directory that holds one such file. @throws E_MODEL_MISSING, E_MODEL_INVALID, E_MODEL_UNSUPPORTED
 */
export async function readGeneratorSource(place: string): Promise<GeneratorSource> {
  const path = resolve(place);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw missing(path, "it does not exist");
  if (found.isFile()) return readFileSource(path);
  const names = await readdir(path);
  if (names.includes("config.json")) return readDirectorySource(path);
  const files = names.filter((name) => name.endsWith(".gguf")).sort();
  if (files.length > 1) throw missing(path, `it holds ${files.length} GGUF files`);
  if (files[0] !== undefined) return readGgufSource(join(path, files[0]));
  for (const name of names.filter((other) => other.endsWith(".bin")).sort())
    if (await isLlama2c(join(path, name))) return readLlama2cSource(path, name);
  throw missing(path, "it has neither a config.json nor a checkpoint that is known");
}

async function readFileSource(path: string): Promise<GeneratorSource> {
  if (await isGgufFile(path)) return readGgufSource(path);
  if (await isLlama2c(path)) return readLlama2cSource(dirname(path), basename(path));
  throw missing(path, "it is no checkpoint that is known");
}

function missing(path: string, why: string): MillraceError {
  const fix =
    "Name a directory that holds config.json, model.safetensors and tokenizer.json, a GGUF file, or a llama2.c checkpoint.";
  return new MillraceError("E_MODEL_MISSING", `cannot open the model ${path}`, { why, fix });
}
