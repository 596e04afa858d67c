import type { Filter } from "@millrace/core";
import type { Schemas } from "@qdrant/js-client-rest";
import { isFilterField, payloadName } from "../filter.js";

/**
 * The conditions that Qdrant can decide, or undefined where there are none. It lets through at least what
 * `matchesFilter` does: patterns with `*`, texts that a number could be written as, and names that would need quoting
 * are left to the caller.
 */
export function toQdrantFilter(filters: readonly Filter[]): Schemas["Filter"] | undefined {
  const must = filters.flatMap(({ field, pattern }) => {
    const isDecidable = !pattern.includes("*") && (isFilterField(field) || isPlainPayload(field, pattern));
    return isDecidable ? [{ key: field, match: { value: pattern } }] : [];
  });
  return must.length === 0 ? undefined : { must };
}

function isPlainPayload(field: string, pattern: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(payloadName(field) ?? "") && !isJsonScalar(pattern);
}

function isJsonScalar(pattern: string): boolean {
  return /^(-?\d.*|true|false|null)$/s.test(pattern);
}
