import type { Chunk, Document, MillraceError } from "@millrace/core";
import { fitRanges, type TokenizedDocument } from "./fit-ranges.js";
import { headingPaths } from "./heading-paths.js";
import type { FittedRange } from "./ranges.js";
import { withSpecialTokens } from "./special-tokens.js";
import type { SplitContext } from "./split-context.js";
import { tokenizeTexts } from "./token-index.js";

/** UTF-16 units per token of budget up to which a document probably fits whole; English has four to five. */
const unitsPerToken = 4;

/** Texts are tokenized in pieces of at least this many UTF-16 units, which bounds memory and keeps every core busy. */
const pieceLength = 1 << 14;

/**
 * Splits documents at headings, blocks, sentences or lines, then tokens. A document that fits is tokenized once, any
 * other twice: for its boundaries, and chunk by chunk for the ids.
 */
export async function chunkByStructure(
  context: SplitContext,
  documents: readonly Document[],
): Promise<readonly (readonly Chunk[] | MillraceError)[]> {
  const { tokenizer, chunking, special } = context;
  const budget = chunking.maxTokens - tokenizer.specialTokens;
  const fitted = new Map<Document, readonly FittedRange[] | MillraceError>();

  const short = documents.filter(({ text }) => text.length <= unitsPerToken * budget);
  const ids = await tokenizer.encode(short.map(({ text }) => text));
  short.forEach((document, row) => {
    const tokenIds = ids[row] as Int32Array;
    if (tokenIds.length <= chunking.maxTokens) fitted.set(document, wholeOf(document, tokenIds));
  });

  const rest = documents.filter((document) => !fitted.has(document));
  const tokenized: TokenizedDocument[] = [];
  const texts = rest.map(({ text }) => text);
  (await tokenizeTexts(tokenizer, texts, Math.max(pieceLength, 8 * budget))).forEach((tokens, row) => {
    const document = rest[row] as Document;
    if (tokens.ids !== undefined && tokens.ids.length <= budget && tokenizer.prompt === undefined) {
      fitted.set(document, wholeOf(document, withSpecialTokens(special, tokens.ids)));
    } else {
      tokenized.push({ document, tokens: tokens.index });
    }
  });
  for (const [document, ranges] of await fitRanges(context, tokenized)) fitted.set(document, ranges);

  return documents.map((document) => toChunks(document, fitted.get(document) ?? []));
}

function wholeOf({ text }: Document, tokenIds: Int32Array): readonly FittedRange[] {
  return [{ start: 0, bodyStart: 0, end: text.length, tokenIds }];
}

function toChunks(
  document: Document,
  ranges: readonly FittedRange[] | MillraceError,
): readonly Chunk[] | MillraceError {
  if (ranges instanceof Error) return ranges;
  const headings = headingPaths(
    document,
    ranges.map((range) => range.bodyStart),
  );
  return ranges.map(({ start, end, tokenIds }, ordinal) => ({
    ordinal,
    start,
    end,
    headings: headings[ordinal] ?? [],
    text: document.text.slice(start, end),
    tokenIds,
  }));
}
