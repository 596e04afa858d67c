import type { Tokenizer } from "@millrace/core";

/** What the model puts around each text's own tokens, such as [CLS] and [SEP]. */
export interface SpecialTokens {
  readonly before: Int32Array;
  readonly after: Int32Array;
}

/** Finds the special tokens by encoding a letter: they stand around it. */
export async function probeSpecialTokens(tokenizer: Tokenizer): Promise<SpecialTokens> {
  const [[whole = new Int32Array()], [letter]] = await Promise.all([tokenizer.encode(["a"]), tokenizer.spans(["a"])]);
  const content = letter?.ids ?? new Int32Array();
  for (let before = 0; before + content.length <= whole.length; before += 1) {
    if (content.every((id, index) => whole[before + index] === id)) {
      return { before: whole.slice(0, before), after: whole.slice(before + content.length) };
    }
  }
  return { before: new Int32Array(), after: new Int32Array() };
}

/** A text's own tokens with the special tokens around them. */
export function withSpecialTokens({ before, after }: SpecialTokens, content: Int32Array): Int32Array {
  const ids = new Int32Array(before.length + content.length + after.length);
  ids.set(before, 0);
  ids.set(content, before.length);
  ids.set(after, before.length + content.length);
  return ids;
}
