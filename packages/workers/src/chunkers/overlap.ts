import { isGraphemeBoundary, isWhitespace, sentenceStarts } from "./text.js";
import type { TokenIndex } from "./token-index.js";

interface OverlapSource {
  readonly text: string;
  readonly tokens: TokenIndex;
  /** Tokens a chunk may repeat. */
  readonly overlap: number;
}

/**
 * Where a chunk begins that repeats the end of the one before: at most `overlap` tokens before `start` and after
 * `previous`, the start of what is new in the chunk before. At a sentence that leaves at least half of the overlap, else at a word,
 * else at a token; `start` itself where there is no such place.
 */
export function overlapStart(source: OverlapSource, previous: number, start: number): number {
  const { text, tokens, overlap } = source;
  if (overlap === 0) return start;
  const end = tokens.indexAt(start);
  const first = Math.max(end - overlap, tokens.indexAt(previous + 1));
  const places = Array.from(tokens.starts.subarray(first, end)).filter(
    (place, index, all) =>
      place > (index === 0 ? previous : (all[index - 1] as number)) && !isSharedWithPrevious(place),
  );
  const sentences = new Set(places.length === 0 ? [] : sentenceStarts(text, previous, start));
  return (
    places.find((place) => sentences.has(place) && tokens.count(place, start) * 2 >= overlap) ??
    places.find((place) => isWhitespace(text.charCodeAt(place - 1))) ??
    places.find((place) => isGraphemeBoundary(text, place, previous)) ??
    start
  );

  /** The token before begins at the same place: cutting here would repeat more than was counted. */
  function isSharedWithPrevious(place: number): boolean {
    const index = tokens.indexAt(place);
    return end - index > overlap;
  }
}
