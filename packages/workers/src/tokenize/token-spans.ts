import type { TokenSpans } from "@millrace/core";

/**
 * Makes of code point offsets what a splitter can trust: UTF-16 offsets inside the text, ascending, ends never before
 * starts. Tokens that share a character (byte-level models) share its start.
 */
export function toTokenSpans(
  text: string,
  ids: readonly number[],
  offsets: readonly (readonly number[])[],
): TokenSpans {
  const units = unitOffsets(text);
  const starts = new Int32Array(ids.length);
  const ends = new Int32Array(ids.length);
  let start = 0;
  let end = 0;
  for (let index = 0; index < ids.length; index += 1) {
    const offset = offsets[index];
    start = Math.max(start, toUnit(units, offset?.[0] ?? 0, text.length));
    end = Math.max(start, end, toUnit(units, offset?.[1] ?? 0, text.length));
    starts[index] = start;
    ends[index] = end;
  }
  return { ids: Int32Array.from(ids), starts, ends };
}

function toUnit(units: Int32Array | undefined, codePoint: number, length: number): number {
  if (units === undefined) return Math.min(codePoint, length);
  return units[codePoint] ?? length;
}

/** UTF-16 offset of each code point, or undefined where the two are the same. */
function unitOffsets(text: string): Int32Array | undefined {
  if (!/[\ud800-\udbff]/.test(text)) return undefined;
  const units = new Int32Array(text.length + 1);
  let codePoints = 0;
  for (let unit = 0; unit < text.length; codePoints += 1) {
    units[codePoints] = unit;
    unit += (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1;
  }
  return units.subarray(0, codePoints);
}
