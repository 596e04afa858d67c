import { type Encoder, MillraceError, type Tokenizer } from "@millrace/core";
import { createChunker } from "../chunkers/create-chunker.js";
import { encodeRows } from "./encode-rows.js";

/**
 * Vectors of whole texts, each cut at the model's longest input: `texts × dimensions`. What queries are encoded with.
 * @throws E_USAGE for a text without a word, which has no vector.
 */
export async function encodeTexts(
  texts: readonly string[],
  { tokenizer, encoder }: { readonly tokenizer: Tokenizer; readonly encoder: Encoder },
): Promise<Float32Array> {
  const chunker = createChunker(tokenizer, { strategy: "truncate", maxTokens: encoder.maxTokens, overlap: 0 });
  const documents = texts.map((text, index) => ({ key: String(index), text, payload: {}, blocks: [] }));
  const rows = (await chunker.chunk(documents)).map((chunks) => {
    if (chunks instanceof MillraceError) throw chunks;
    const [chunk] = chunks;
    if (chunk === undefined) throw new MillraceError("E_USAGE", "the query is empty", { fix: "Give some words." });
    return chunk.tokenIds;
  });
  const { vectors, failed } = await encodeRows(encoder, rows);
  for (const error of failed.values()) throw error;
  return vectors;
}
