/** True when the text holds more than whitespace. */
export function hasContent(text: string): boolean {
  return /\S/.test(text);
}

/** True for the UTF-16 units JavaScript's `\s` matches. */
export function isWhitespace(unit: number): boolean {
  if (unit < 0x80) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d);
  return unit >= 0xa0 && /\s/.test(String.fromCharCode(unit));
}

/** True when cutting at `offset` would leave half of a surrogate pair on each side. */
export function splitsCodePoint(text: string, offset: number): boolean {
  return isHighSurrogate(text.charCodeAt(offset - 1)) && isLowSurrogate(text.charCodeAt(offset));
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Units looked at on each side of a cut, so that a character with a million accents costs no more than another. */
const graphemeWindow = 64;

/**
 * True when no character as a reader sees it (letter with accents, family of emoji, flag) crosses `offset`. `from` is a
 * place before it known to be a boundary. Characters longer than 64 units may be taken for several.
 */
export function isGraphemeBoundary(text: string, offset: number, from: number): boolean {
  if (text.charCodeAt(offset - 1) < 0x80 && text.charCodeAt(offset) < 0x80) {
    return text.charCodeAt(offset) !== 0x0a || text.charCodeAt(offset - 1) !== 0x0d;
  }
  if (splitsCodePoint(text, offset)) return false;
  const start = Math.max(from, offset - graphemeWindow);
  const window = text.slice(start, offset + graphemeWindow);
  return graphemes.segment(window).containing(offset - start)?.index === offset - start;
}

const sentences = new Intl.Segmenter("en", { granularity: "sentence" });

/** Where each sentence of the range starts, the range's own start first. A single line break ends no sentence. */
export function sentenceStarts(text: string, start: number, end: number): readonly number[] {
  const unwrapped = text.slice(start, end).replaceAll(/[\n\r\u0085\u2028\u2029]/g, " ");
  return Array.from(sentences.segment(unwrapped), (sentence) => start + sentence.index);
}

/** Where each line of the range starts, the range's own start first. */
export function lineStarts(text: string, start: number, end: number): readonly number[] {
  const starts = [start];
  for (let next = text.indexOf("\n", start) + 1; next > 0 && next < end; next = text.indexOf("\n", next) + 1) {
    starts.push(next);
  }
  return starts;
}

/** Where each paragraph of the text starts: a line with content after the beginning or a blank line. */
export function paragraphStarts(text: string): readonly number[] {
  const starts: number[] = [];
  let isAfterBlank = true;
  const lines = lineStarts(text, 0, text.length);
  lines.forEach((line, index) => {
    const isBlank = !hasContent(text.slice(line, lines[index + 1]));
    if (isAfterBlank && !isBlank) starts.push(line);
    isAfterBlank = isBlank;
  });
  return starts;
}
