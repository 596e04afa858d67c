import type { Json } from "@millrace/core";

declare global {
  interface String {
    /** ES2024: lone surrogates become U+FFFD. */
    toWellFormed(): string;
  }
}

/** Deeper values would overflow the stack of whoever writes them as JSON. */
const maxDepth = 64;

/**
 * A value as it survives a JSON round trip: integers beyond 2^53 and dates become strings, binary data and functions
 * undefined, what is nested too deeply null. Keys named `__proto__` are dropped: assigning them would change a prototype.
 */
export function toJson(value: unknown, depth = 0): Json | undefined {
  switch (typeof value) {
    case "boolean":
      return value;
    case "string":
      return value.toWellFormed();
    case "number":
      return Number.isFinite(value) ? value : null;
    case "bigint":
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case "object":
      return value === null || depth > maxDepth ? null : objectToJson(value, depth);
    default:
      return undefined;
  }
}

function objectToJson(value: object, depth: number): Json | undefined {
  if (Array.isArray(value)) return value.map((item) => toJson(item, depth + 1) ?? null);
  if (isDate(value)) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return undefined;
  return jsonObject(Object.entries(value), depth + 1);
}

/** Entries whose value has a JSON form. `fromEntries` defines own properties, so no key can reach a prototype. */
export function jsonObject(entries: Iterable<readonly [string, unknown]>, depth = 0): { [key: string]: Json } {
  const kept: [string, Json][] = [];
  for (const [key, value] of entries) {
    const json = key === "__proto__" ? undefined : toJson(value, depth);
    if (json !== undefined) kept.push([key.toWellFormed(), json]);
  }
  return Object.fromEntries(kept);
}

function isDate(value: object): value is Date {
  return Object.prototype.toString.call(value) === "[object Date]";
}
