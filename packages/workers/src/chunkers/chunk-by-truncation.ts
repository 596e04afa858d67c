import type { Chunk, Document } from "@millrace/core";
import { headingPaths } from "./heading-paths.js";
import { withSpecialTokens } from "./special-tokens.js";
import type { SplitContext } from "./split-context.js";

/** Prefixes longer than this are tried before a whole long text is tokenized. */
const prefixLength = 1 << 12;

/**
 * One chunk per document: the first tokens that fit, with the special tokens around them, as Hugging Face truncates on
 * the right. Its text ends with the last token kept.
 */
export async function chunkByTruncation(
  { tokenizer, chunking, special }: SplitContext,
  documents: readonly Document[],
): Promise<readonly (readonly Chunk[])[]> {
  const { text: prompt, without } = tokenizer.prompt ?? { text: "", without: tokenizer };
  const budget = chunking.maxTokens - without.specialTokens;
  const spansOf = (texts: readonly string[]) => without.spans(texts.map((text) => prompt + text));
  const prefixes = documents.map(({ text }) => prefixOf(text, Math.max(prefixLength, 16 * budget)));
  const spans = [...(await spansOf(prefixes))];
  for (const [row, { text }] of documents.entries()) {
    const isShort = (spans[row]?.ids.length ?? 0) < 2 * budget;
    if (isShort && prefixes[row] !== text) spans[row] = (await spansOf([text]))[0] as (typeof spans)[number];
  }
  return documents.map((document, row) => {
    const { ids, ends } = spans[row] as (typeof spans)[number];
    const isCut = ids.length > budget;
    const end = isCut ? Math.max(0, (ends[budget - 1] as number) - prompt.length) : document.text.length;
    const headings = headingPaths(document, [0])[0] ?? [];
    const tokenIds = withSpecialTokens(special, ids.slice(0, budget));
    return [{ ordinal: 0, start: 0, end, headings, text: document.text.slice(0, end), tokenIds }];
  });
}

/** A long text up to a space, where tokens before and after do not depend on each other. */
function prefixOf(text: string, length: number): string {
  if (text.length <= length) return text;
  const space = text.lastIndexOf(" ", length);
  return space > 0 ? text.slice(0, space) : text;
}
