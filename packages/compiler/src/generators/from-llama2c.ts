import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MillraceError } from "@millrace/core";
import { JsonFile } from "../json.js";
import { llama2cTokenizer, llama2cTokens } from "../tokenizers/llama2c.js";
import { openLlama2c } from "../weights/llama2c.js";
import { bytesOfHeader, type Llama2cHeader, readLlama2cHeader } from "../weights/llama2c-header.js";
import { openFile, readAt } from "../weights/read-at.js";
import type { GeneratorSource } from "./generator-source.js";

/** True for a file that begins with a llama2.c checkpoint's header and is as long as that says. */
export async function isLlama2c(path: string): Promise<boolean> {
  const handle = await openFile(path);
  try {
    const { size } = await handle.stat();
    return readLlama2cHeader(await readAt(handle, 0, Math.min(bytesOfHeader, size)), size) !== undefined;
  } finally {
    await handle.close();
  }
}

/** Reads a llama2.c checkpoint and the tokenizer beside it. @throws E_MODEL_INVALID */
export async function readLlama2cSource(path: string, name: string): Promise<GeneratorSource> {
  const file = join(path, name);
  const { header, checkpoint } = await openLlama2c(file, name);
  await checkpoint.close();
  const tokenizer = await findTokenizer(file, header);
  const { first, last } = llama2cTokens;
  return {
    path,
    files: [name, tokenizer],
    config: new JsonFile(file, configOf(header)),
    tokenizer: {
      make: async () => {
        const place = join(path, tokenizer);
        return llama2cTokenizer(place, await readFile(place), header.vocabulary);
      },
    },
    // llama2.c's own programs end a text where the next one would begin.
    tokens: { beginning: first, end: [first, last] },
    defaults: {},
    chatTemplate: undefined,
    specialTokens: { bos_token: "<s>", eos_token: "</s>" },
    openWeights: async () => (await openLlama2c(file, name)).checkpoint,
  };
}

function configOf({ hidden, intermediate, layers, heads, keyHeads, vocabulary, positions, isTied }: Llama2cHeader) {
  return {
    model_type: "llama",
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keyHeads,
    vocab_size: vocabulary,
    max_position_embeddings: positions,
    rms_norm_eps: 1e-5,
    rope_interleaved: true,
    tie_word_embeddings: isTied,
  };
}

/** `tokenizer.bin`, or as llama2.c calls those of other sizes, `tok512.bin` for 512 pieces. */
async function findTokenizer(file: string, { vocabulary }: Llama2cHeader): Promise<string> {
  const names = await readdir(dirname(file));
  const found = [`tok${vocabulary}.bin`, "tokenizer.bin"].find((name) => names.includes(name));
  if (found !== undefined) return found;
  const why = `neither tok${vocabulary}.bin nor tokenizer.bin is beside it`;
  throw new MillraceError("E_MODEL_INVALID", `${file} has no tokenizer`, { why });
}
