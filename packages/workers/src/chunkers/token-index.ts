import type { Tokenizer, TokenSpans } from "@millrace/core";
import { isWhitespace, splitsCodePoint } from "./text.js";

/** Where the tokens of a text begin; answers how many lie in a range of it. */
export class TokenIndex {
  /** UTF-16 offsets of each token's first visible character, ascending. */
  readonly starts: Int32Array;

  constructor(starts: Int32Array) {
    this.starts = starts;
  }

  /** Tokens that begin in the range. */
  count(start: number, end: number): number {
    return this.indexAt(end) - this.indexAt(start);
  }

  /** Index of the first token that begins at `offset` or later. */
  indexAt(offset: number): number {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.starts[middle] as number) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A text's tokens: the index, and the ids where the text was tokenized in one piece. */
export interface TextTokens {
  readonly index: TokenIndex;
  readonly ids: Int32Array | undefined;
}

/**
 * Tokenizes texts of any length in pieces of at most `pieceLength` UTF-16 units, all of them in one call. Next to a cut
 * tokens may differ from those of the uncut text, so ids are given only for texts that were not cut.
 */
export async function tokenizeTexts(
  tokenizer: Tokenizer,
  texts: readonly string[],
  pieceLength: number,
): Promise<readonly TextTokens[]> {
  const cuts = texts.map((text) => cutText(text, pieceLength));
  const pieces = texts.flatMap((text, row) => cuts[row]?.map((cut, at, all) => text.slice(cut, all[at + 1])) ?? []);
  const spans = await tokenizer.spans(pieces);
  let first = 0;
  return texts.map((text, row) => {
    const starts = cuts[row] ?? [];
    const own = spans.slice(first, first + starts.length);
    first += starts.length;
    return { index: joinSpans(text, own, starts), ids: own.length === 1 ? own[0]?.ids : undefined };
  });
}

/** Cuts after the last line break that fits, else after the last space, else between two code points. */
function cutText(text: string, pieceLength: number): readonly number[] {
  const cuts = [0];
  let from = 0;
  while (text.length - from > pieceLength) {
    const window = text.slice(from + (pieceLength >>> 1), from + pieceLength);
    const space = Math.max(window.lastIndexOf("\n"), window.lastIndexOf("\n") < 0 ? window.lastIndexOf(" ") : -1);
    const cut = space < 0 ? from + pieceLength : from + (pieceLength >>> 1) + space + 1;
    from = splitsCodePoint(text, cut) ? cut - 1 : cut;
    cuts.push(from);
  }
  return cuts;
}

/** A token's leading whitespace belongs to what stands before it, so that a cut at a token is a cut at a word. */
function joinSpans(text: string, pieces: readonly TokenSpans[], cuts: readonly number[]): TokenIndex {
  const starts = new Int32Array(pieces.reduce((sum, piece) => sum + piece.ids.length, 0));
  let at = 0;
  let latest = 0;
  pieces.forEach((piece, row) => {
    const offset = cuts[row] ?? 0;
    for (let token = 0; token < piece.ids.length; token += 1) {
      const end = offset + (piece.ends[token] as number);
      latest = Math.max(latest, firstVisible(text, offset + (piece.starts[token] as number), end));
      starts[at] = latest;
      at += 1;
    }
  });
  return new TokenIndex(starts);
}

function firstVisible(text: string, start: number, end: number): number {
  let visible = start;
  while (visible < end && isWhitespace(text.charCodeAt(visible))) visible += 1;
  return visible === end ? start : visible;
}
