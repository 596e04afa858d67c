import { createHash } from "node:crypto";
import type { Tokenizer } from "@millrace/core";

/**
 * A tokenizer that puts a prompt before every text it encodes. Prompt and text are tokenized as one, as
 * sentence-transformers does: in byte-level models the token at the seam can hold something of both.
 */
export async function withPrompt(tokenizer: Tokenizer, text: string): Promise<Tokenizer> {
  if (text === "") return tokenizer;
  const [[letter], [alone]] = await Promise.all([tokenizer.encode([`${text}a`]), tokenizer.count(["a"])]);
  return {
    digest: createHash("sha256")
      .update(JSON.stringify([tokenizer.digest, text]))
      .digest("hex"),
    specialTokens: (letter?.length ?? 0) - (alone ?? 0),
    truncationSide: tokenizer.truncationSide,
    prompt: { text, without: tokenizer },
    encode: (texts) => tokenizer.encode(texts.map((each) => text + each)),
    count: tokenizer.count,
    spans: tokenizer.spans,
  };
}
