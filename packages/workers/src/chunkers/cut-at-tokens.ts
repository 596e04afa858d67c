import { isGraphemeBoundary, isWhitespace } from "./text.js";
import type { TokenIndex } from "./token-index.js";

interface CutSource {
  readonly text: string;
  readonly tokens: TokenIndex;
  /** Tokens a chunk may hold. */
  readonly budget: number;
}

/**
 * Cuts a range with no better boundaries into runs of about an eighth of the budget, so that there is something to pack.
 * Cuts after a line break if it can, else before a word, else between two characters as readers see them, else between
 * two tokens, and in the end between two code points. Returns where the runs start.
 */
export function cutAtTokens(source: CutSource, range: { start: number; end: number }): readonly number[] {
  const { tokens, budget } = source;
  const run = Math.max(1, budget >>> 3);
  const end = tokens.indexAt(range.end);
  const cuts = [range.start];
  for (let from = range.start; ; ) {
    const first = tokens.indexAt(from);
    if (end - first <= run) return cuts;
    from = nextCut(source, { from, first, run, last: Math.min(end - 1, first + budget) });
    if (from >= range.end) return cuts;
    cuts.push(from);
  }
}

interface Window {
  readonly from: number;
  /** The first token of the run. */
  readonly first: number;
  readonly run: number;
  /** The last token that can begin the next run. */
  readonly last: number;
}

function nextCut({ text, tokens }: CutSource, { from, first, run, last }: Window): number {
  const { starts } = tokens;
  const place = (index: number) => starts[index] as number;
  const isCut = (index: number) => place(index) > from && place(index - 1) < place(index);
  const startsLine = (index: number) => isCut(index) && text.charCodeAt(place(index) - 1) === 0x0a;
  const startsWord = (index: number) => isCut(index) && isWhitespace(text.charCodeAt(place(index) - 1));
  const startsGrapheme = (index: number) => isCut(index) && isGraphemeBoundary(text, place(index), from);
  const full = first + run;
  const half = first + (run >>> 1);
  const best =
    find(full, half, startsLine) ??
    find(full, half, startsWord) ??
    find(full, first, startsGrapheme) ??
    find(full, last + 1, startsGrapheme) ??
    find(last, first, isCut);
  return best === undefined ? firstAfter(text, starts, { from, first }) : place(best);
}

/** The first index from `start` towards `stop` (exclusive) that passes. */
function find(start: number, stop: number, passes: (index: number) => boolean): number | undefined {
  const step = start < stop ? 1 : -1;
  for (let index = start; index !== stop; index += step) if (passes(index)) return index;
  return undefined;
}

/** One character has more tokens than a chunk: the next token that begins elsewhere, or the end of the text. */
function firstAfter(text: string, starts: Int32Array, { from, first }: { from: number; first: number }): number {
  let index = first;
  while (index < starts.length && (starts[index] as number) <= from) index += 1;
  return starts[index] ?? text.length;
}
