import { type Filter, type Json, MillraceError, type PointRecord } from "@millrace/core";

/** Fields of a point that a filter may name, besides `payload.<name>`. */
export const filterFields = ["path", "title", "corpus", "document"] as const;
export type FilterField = (typeof filterFields)[number];

const payloadPrefix = "payload.";

/**
 * Reads `field:pattern`, such as `path:*.md` or `payload.lang:en`. The pattern is all that follows the first colon.
 * @throws E_USAGE for another form or an unknown field.
 */
export function parseFilter(text: string): Filter {
  const colon = text.indexOf(":");
  if (colon < 0) {
    throw new MillraceError("E_USAGE", "a filter has no colon", { why: JSON.stringify(text), fix: usage });
  }
  const filter = { field: text.slice(0, colon), pattern: text.slice(colon + 1) };
  checkFilters([filter]);
  return filter;
}

/**
 * True when the record's field matches the whole pattern, letter case included; `*` stands for any text, also none.
 * Of a payload field numbers, booleans and null match as JSON writes them, a list when one of its items does.
 */
export function matchesFilter(record: PointRecord, { field, pattern }: Filter): boolean {
  if (isFilterField(field)) return matchesPattern(record[field], pattern);
  const name = payloadName(field);
  if (name === undefined || !Object.hasOwn(record.payload, name)) return false;
  return matchesValue(record.payload[name], pattern);
}

/** @throws E_USAGE naming the fields there are, or for a pattern that is not valid Unicode. */
export function checkFilters(filters: readonly Filter[]): void {
  for (const { field, pattern } of filters) {
    if (!isFilterField(field) && !payloadName(field)) {
      throw new MillraceError("E_USAGE", "a filter names an unknown field", { why: JSON.stringify(field), fix: usage });
    }
    if (/\p{Surrogate}/u.test(field + pattern)) {
      throw new MillraceError("E_USAGE", "a filter is not valid Unicode", { why: JSON.stringify(pattern) });
    }
  }
}

/** True for the fields every point has. */
export function isFilterField(field: string): field is FilterField {
  return (filterFields as readonly string[]).includes(field);
}

/** `lang` of `payload.lang`; undefined where the field is not of the payload. */
export function payloadName(field: string): string | undefined {
  return field.startsWith(payloadPrefix) ? field.slice(payloadPrefix.length) : undefined;
}

const usage = `Filters are field:pattern; the fields are ${filterFields.join(", ")} and payload.<name>; * matches any text`;

function matchesValue(value: Json | undefined, pattern: string): boolean {
  if (Array.isArray(value)) return value.some((item) => !Array.isArray(item) && matchesValue(item, pattern));
  if (typeof value === "string") return matchesPattern(value, pattern);
  return value !== undefined && typeof value !== "object"
    ? matchesPattern(String(value), pattern)
    : value === null && matchesPattern("null", pattern);
}

/** The pieces between stars must occur in order, the first at the beginning and the last at the end. */
function matchesPattern(text: string, pattern: string): boolean {
  const [first = "", ...middle] = pattern.split("*");
  const last = middle.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let from = first.length;
  for (const piece of middle) {
    const at = text.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  return text.length - last.length >= from && text.endsWith(last);
}
