import type { Tokenizer, TokenSpans } from "@millrace/core";

/** One token per word, so that counts of parts add up exactly; two special tokens around. */
export function wordTokenizer(): Tokenizer {
  return {
    digest: "words",
    specialTokens: 2,
    truncationSide: "right",
    encode: async (texts) => texts.map((text) => Int32Array.of(1, ...spansOf(text).ids, 2)),
    count: async (texts) => texts.map((text) => spansOf(text).ids.length),
    spans: async (texts) => texts.map(spansOf),
  };
}

function spansOf(text: string): TokenSpans {
  const words = [...text.matchAll(/\S+/g)];
  return {
    ids: Int32Array.from(words, ([word]) =>
      [...word].reduce((id, letter) => (id * 31 + (letter.codePointAt(0) ?? 0)) | 0, 3),
    ),
    starts: Int32Array.from(words, (word) => word.index),
    ends: Int32Array.from(words, (word) => word.index + word[0].length),
  };
}
