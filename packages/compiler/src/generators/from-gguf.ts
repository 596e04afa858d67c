import { basename, dirname } from "node:path";
import { JsonFile } from "../json.js";
import { ggufTokenizer, readGgufTokens } from "../tokenizers/gguf.js";
import { openGguf, readGguf } from "../weights/gguf.js";
import { isGguf } from "../weights/gguf-header.js";
import { openFile, readAt } from "../weights/read-at.js";
import type { GeneratorSource } from "./generator-source.js";
import { ggufConfig, ggufTensorName } from "./gguf-names.js";

/** True for a file that begins as GGUF files do. */
export async function isGgufFile(path: string): Promise<boolean> {
  const handle = await openFile(path);
  try {
    return isGguf(await readAt(handle, 0, 4));
  } finally {
    await handle.close();
  }
}

/** Reads a GGUF file's sizes, tokenizer and chat template. @throws E_MODEL_INVALID, E_MODEL_UNSUPPORTED */
export async function readGgufSource(path: string): Promise<GeneratorSource> {
  const { metadata, tensors } = await readGguf(path);
  const file = new JsonFile(path, Object.fromEntries(metadata));
  const name = basename(path);
  const { tokens, specialTokens } = readGgufTokens(file);
  const template = file.values["tokenizer.chat_template"];
  return {
    path: dirname(path),
    files: [name],
    config: new JsonFile(path, ggufConfig(file, tensors)),
    tokenizer: { make: async () => ggufTokenizer(file) },
    tokens,
    defaults: {},
    chatTemplate: typeof template === "string" ? template : undefined,
    specialTokens,
    openWeights: () => openGguf({ path, name, nameOf: ggufTensorName }),
  };
}
