import { join } from "node:path";
import {
  compileInHost,
  createChunker,
  createEncoderPool,
  encodeRows,
  loadTokenizer,
  pullModel,
} from "@millrace/workers";
import { cacheFolder } from "../packages/cli/bin/node-version.mjs";

/**
 * @typedef {Awaited<ReturnType<typeof openModel>>} Model
 */

/**
 * The model every benchmark uses, brought and compiled where it is not.
 * @param {string} [reference]
 * @param {"fp32" | "int8"} [precision]
 */
export async function openModel(reference = "all-MiniLM-L6-v2", precision = "fp32") {
  const installed = await pullModel(reference, {
    modelsDirectory: join(cacheFolder(), "models"),
    hubEndpoint: "https://huggingface.co",
    python: "python3",
    isOffline: false,
  });
  const cacheDirectory = join(cacheFolder(), "compiled");
  const compiled = await compileInHost({ directory: installed.directory, precision, cacheDirectory });
  return { installed, compiled, tokenizer: await loadTokenizer(compiled.tokenizerPath) };
}

/**
 * Opens the encoder and returns what encodes texts cut at `maxTokens`; tokenizing is part of it, loading is not.
 * @param {Model} model
 * @param {{ hosts: number, maxTokens: number }} options
 */
export async function openEncoding({ compiled, tokenizer }, { hosts, maxTokens }) {
  const pool = await createEncoderPool({ model: compiled, hosts });
  const chunker = createChunker(tokenizer, { strategy: "truncate", maxTokens, overlap: 0 });
  return {
    /** @param {readonly string[]} texts */
    async encode(texts) {
      const startedAt = performance.now();
      const documents = texts.map((text, index) => ({ key: String(index), text, payload: {}, blocks: [] }));
      const chunks = (await chunker.chunk(documents)).flatMap((found) => (Array.isArray(found) ? found : []));
      const { vectors } = await encodeRows(
        pool,
        chunks.map((chunk) => chunk.tokenIds),
      );
      const tokens = chunks.reduce((sum, chunk) => sum + chunk.tokenIds.length, 0);
      return { seconds: (performance.now() - startedAt) / 1000, tokens, vectors };
    },
    close: () => pool.close(),
  };
}
