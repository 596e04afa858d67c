import type { Chunk, Document, TokenSpans, TruncationSide } from "@millrace/core";
import { headingPaths } from "./heading-paths.js";
import { withSpecialTokens } from "./special-tokens.js";
import type { SplitContext } from "./split-context.js";

/** Pieces longer than this are tried before a whole long text is tokenized. */
const pieceLength = 1 << 12;

/**
 * One chunk per document: the tokens that fit, with the special tokens around them, as Hugging Face truncates: the first,
 * or the last for a model that cuts texts on the left. Its text ends, or begins, with the outermost token kept.
 */
export async function chunkByTruncation(
  { tokenizer, chunking, special }: SplitContext,
  documents: readonly Document[],
): Promise<readonly (readonly Chunk[])[]> {
  const { text: prompt, without } = tokenizer.prompt ?? { text: "", without: tokenizer };
  const side = tokenizer.truncationSide;
  const budget = chunking.maxTokens - without.specialTokens;
  const spansOf = (texts: readonly string[]) => without.spans(texts.map((text) => prompt + text));
  const pieces = documents.map(({ text }) => pieceOf(text, Math.max(pieceLength, 16 * budget), side));
  const spans = [...(await spansOf(pieces))];
  for (const [row, { text }] of documents.entries()) {
    const isShort = (spans[row]?.ids.length ?? 0) < 2 * budget;
    if (!isShort || pieces[row] === text) continue;
    spans[row] = (await spansOf([text]))[0] as TokenSpans;
    pieces[row] = text;
  }
  return documents.map((document, row) => {
    const piece = pieces[row] as string;
    const before = side === "left" ? document.text.length - piece.length : 0;
    const { ids, ...kept } = cutSpans(spans[row] as TokenSpans, budget, side);
    const placed = (unit: number) => before + Math.max(0, unit - prompt.length);
    const start = kept.start === undefined ? 0 : placed(kept.start);
    const end = kept.end === undefined ? document.text.length : placed(kept.end);
    const headings = headingPaths(document, [start])[0] ?? [];
    const tokenIds = withSpecialTokens(special, ids);
    return [{ ordinal: 0, start, end, headings, text: document.text.slice(start, end), tokenIds }];
  });
}

/** A long text's beginning or end, up to a space, where tokens before and after do not depend on each other. */
function pieceOf(text: string, length: number, side: TruncationSide): string {
  if (text.length <= length) return text;
  const space = side === "left" ? text.indexOf(" ", text.length - length) : text.lastIndexOf(" ", length);
  if (space <= 0) return text;
  return side === "left" ? text.slice(space) : text.slice(0, space);
}

interface KeptSpans {
  readonly ids: Int32Array;
  /** Where the kept tokens begin or end in the piece, prompt included; undefined where nothing is cut off there. */
  readonly start?: number;
  readonly end?: number;
}

function cutSpans({ ids, starts, ends }: TokenSpans, budget: number, side: TruncationSide): KeptSpans {
  const surplus = ids.length - budget;
  if (surplus <= 0) return { ids };
  if (side === "right") return { ids: ids.slice(0, budget), end: ends[budget - 1] as number };
  return { ids: ids.slice(surplus), start: starts[surplus] as number };
}
