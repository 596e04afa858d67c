/** Where a word of the query stands in a text: UTF-16 offsets, the end exclusive. */
export type HighlightRange = readonly [start: number, end: number];

/** Words that say nothing about what is looked for. */
const functionWords = new Set(
  "a an and are as at be by can do does for from how i in is it of on or that the this to was what when where which who why with you".split(
    " ",
  ),
);

/** Endings up to this length may differ: `cancel` finds `cancelled`. */
const longestEnding = 3;
/** Shorter stems would find words of another meaning. */
const shortestStem = 4;
/** More would be noise to the eye. */
const mostRanges = 200;

/**
 * The places in a text of the words of a query, whatever their case, accents and endings. Words are those of Unicode's
 * text segmentation, so that languages without spaces have them, too.
 */
export function highlightRanges(query: string, text: string): readonly HighlightRange[] {
  const wanted = [...words(query)].map(({ word }) => word).filter((word) => !functionWords.has(word));
  if (wanted.length === 0) return [];
  const ranges: [number, number][] = [];
  for (const { word, start, end } of words(text)) {
    if (!wanted.some((other) => isAlike(other, word))) continue;
    ranges.push([start, end]);
    if (ranges.length === mostRanges) break;
  }
  return ranges;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

function* words(text: string): Generator<{ readonly word: string; readonly start: number; readonly end: number }> {
  for (const { segment, index, isWordLike } of segmenter.segment(text))
    if (isWordLike) yield { word: folded(segment), start: index, end: index + segment.length };
}

function folded(word: string): string {
  return word.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase();
}

function isAlike(one: string, other: string): boolean {
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  if (short.length < shortestStem) return short === long;
  return long.startsWith(short) && long.length - short.length <= longestEnding;
}
