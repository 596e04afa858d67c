import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Chunk, MillraceError, type Tokenizer } from "@millrace/core";
import { createChunker, loadTokenizer } from "@millrace/workers";
import { plain } from "../../support/documents.ts";
import { golden } from "../../support/tokenizers.ts";

const size = 50_000;
const fill = (text: string) => text.repeat(Math.ceil(size / text.length));
const hostile = {
  "one word": fill("a"),
  base64: Buffer.from(Array.from({ length: (size * 3) / 4 }, (_, index) => (index * 7919 + index ** 2) & 255)).toString(
    "base64",
  ),
  emoji: fill("😀"),
  families: fill("👨‍👩‍👧"),
  "one endless family": `👨${fill("\u200d👩")}`,
  "one letter with endless accents": `e${fill("\u0301")}`,
  flags: fill("🇩🇪"),
  "empty lines": `a${fill("\n")}b`,
  spaces: `a${fill(" ")}b`,
  "Chinese without spaces": fill("中文字符"),
  Hebrew: fill("שלום עולם "),
  "control characters": fill("\u0001\u0002\u007f"),
  NULs: fill("\0"),
  "lone surrogates": fill("\ud800\udbff"),
  "short sentences": fill("A b. "),
  "short paragraphs": fill("p\n\n"),
};

describe.each(["wordpiece-tokenizer.json", "byte-bpe-tokenizer.json"])("with %s", (name) => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await loadTokenizer(golden(name));
  });

  test.each(Object.entries(hostile))("%s", async (_, text) => {
    const chunks = await chunksOf(tokenizer, text);
    expect(chunks.map((chunk) => chunk.text).join("") === text).toBe(true);
    expect(chunks.every((chunk) => chunk.tokenIds.length <= 128)).toBe(true);
  });
});

async function chunksOf(tokenizer: Tokenizer, text: string): Promise<readonly Chunk[]> {
  const [chunks] = await createChunker(tokenizer, { strategy: "structure", maxTokens: 128, overlap: 0 }).chunk([
    plain(text),
  ]);
  if (chunks instanceof MillraceError) throw chunks;
  return chunks ?? [];
}
