import { isGraphemeBoundary, isWhitespace, sentenceStarts } from "./text.js";
import type { TokenIndex } from "./token-index.js";

/** Units in front of the first possible place that are read to see whether a sentence starts there. */
const sentenceContext = 256;

interface OverlapSource {
  readonly text: string;
  readonly tokens: TokenIndex;
  /** Tokens a chunk may repeat. */
  readonly overlap: number;
}

/**
 * Where a chunk begins that repeats the end of the one before: at most `overlap` tokens before `start` and after
 * `previous`, where the one before has its first new text. At a sentence that leaves at least half of the overlap, else
 * at a word, else at a token; `start` itself where there is no such place.
 */
export function overlapStart(source: OverlapSource, previous: number, start: number): number {
  const { text, tokens, overlap } = source;
  if (overlap === 0) return start;
  const end = tokens.indexAt(start);
  const first = Math.max(end - overlap, tokens.indexAt(previous + 1));
  const places = Array.from(tokens.starts.subarray(first, end)).filter(
    (place, index) => place > (tokens.starts[first + index - 1] ?? previous),
  );
  const context = Math.max(previous, (places[0] ?? start) - sentenceContext);
  const sentences = new Set(places.length === 0 ? [] : sentenceStarts(text, context, start));
  return (
    places.find((place) => sentences.has(place) && tokens.count(place, start) * 2 >= overlap) ??
    places.find((place) => isWhitespace(text.charCodeAt(place - 1))) ??
    places.find((place) => isGraphemeBoundary(text, place, previous)) ??
    start
  );
}
