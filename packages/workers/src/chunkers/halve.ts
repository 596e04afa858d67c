import type { DraftRange } from "./ranges.js";
import { isGraphemeBoundary, isWhitespace, splitsCodePoint } from "./text.js";

/** Units around the middle that are searched for a better place to cut. */
const reach = 256;

/**
 * Cuts a range near its middle: before a word, else between two characters as readers see them, else between two code
 * points. Nothing for one code point.
 */
export function halve(text: string, { start, end }: DraftRange): readonly DraftRange[] {
  const middle = (start + end) >>> 1;
  const cut =
    nearest(
      middle,
      { start, end },
      (offset) => isWhitespace(text.charCodeAt(offset - 1)) && !isWhitespace(text.charCodeAt(offset)),
    ) ??
    nearest(middle, { start, end }, (offset) => isGraphemeBoundary(text, offset, start)) ??
    nearest(middle, { start, end }, (offset) => !splitsCodePoint(text, offset));
  if (cut === undefined) return [];
  return [
    { start, bodyStart: start, end: cut },
    { start: cut, bodyStart: cut, end },
  ];
}

/** The passing offset nearest to the middle and strictly inside the range. */
function nearest(
  middle: number,
  { start, end }: { start: number; end: number },
  passes: (offset: number) => boolean,
): number | undefined {
  for (let distance = 0; distance <= reach; distance += 1) {
    for (const offset of [middle - distance, middle + distance]) {
      if (offset > start && offset < end && passes(offset)) return offset;
    }
  }
  return undefined;
}
