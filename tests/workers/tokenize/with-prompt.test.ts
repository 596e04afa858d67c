import { describe, expect, test } from "@jest/globals";
import { type Chunk, type Chunking, chunkingStrategies, type Document } from "@millrace/core";
import { createChunker, withPrompt } from "@millrace/workers";
import { testTokenizers } from "../../support/tokenizers.ts";

const words = "the water of the river and a section of long sentences, in 12 parts; ";
const documents: readonly Document[] = ["a", "\n\nthe", "éя", words, words.repeat(9), words.repeat(60)].map(
  (text, index) => ({
    key: String(index),
    text,
    payload: {},
    blocks: [],
  }),
);

describe.each(testTokenizers())("a prompt before $name", ({ load }) => {
  test.each(["passage: ", "Instruct: find\nQuery:", "query"])(
    "%j is tokenized with the text, in every chunk",
    async (prompt) => {
      const plain = await load();
      const tokenizer = await withPrompt(plain, prompt);
      expect(await tokenizer.encode(["the water"])).toEqual(await plain.encode([`${prompt}the water`]));
      expect(tokenizer.digest).not.toBe(plain.digest);
      for (const strategy of chunkingStrategies) {
        const chunking: Chunking = { strategy, maxTokens: tokenizer.specialTokens + 9, overlap: 0 };
        const [end] = (await plain.encode(["a"])).map((ids) => ids.at(-1));
        for (const chunks of await createChunker(tokenizer, chunking).chunk(documents)) {
          const texts = (chunks as readonly Chunk[]).map(({ text }) => prompt + text);
          const whole = await plain.encode(texts);
          for (const [index, { tokenIds }] of (chunks as readonly Chunk[]).entries()) {
            expect(tokenIds.length).toBeLessThanOrEqual(chunking.maxTokens);
            expect(tokenIds.at(-1)).toBe(end);
            if (strategy === "structure") expect(tokenIds).toEqual(whole[index]);
            else expect(tokenIds.slice(0, -2)).toEqual(whole[index]?.slice(0, tokenIds.length - 2));
          }
        }
      }
    },
  );

  test("an empty one changes nothing", async () => {
    const plain = await load();
    expect(await withPrompt(plain, "")).toBe(plain);
  });
});
