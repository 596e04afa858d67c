import type { Filter } from "@millrace/core";
import { isFilterField, payloadName } from "../filter.js";

/**
 * The filters as a condition in SQL, or undefined where there is none to make. Exact for the fields every point has; for
 * `payload.<name>` it lets through all that match and some that do not, as it only looks at the payload's JSON text.
 */
export function filtersToSql(filters: readonly Filter[]): string | undefined {
  const conditions = filters.map(({ field, pattern }) => {
    const name = payloadName(field);
    if (name !== undefined) return payloadMatches(name, pattern);
    return isFilterField(field) ? matches(field, pattern) : "false";
  });
  return conditions.length === 0 ? undefined : conditions.map((condition) => `(${condition})`).join(" AND ");
}

/** A text in quotes. SQL knows no other escape inside them. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function matches(column: string, pattern: string): string {
  return pattern.includes("*") ? like(column, pattern) : `\`${column}\` = ${quoted(pattern)}`;
}

/** `*` becomes `%`; what LIKE would take for a wildcard or an escape is escaped. */
function like(column: string, pattern: string): string {
  const escaped = pattern.replaceAll(/[\\%_]/g, "\\$&").replaceAll(/\*+/g, "%");
  return `\`${column}\` LIKE ${quoted(escaped)}`;
}

/** The field as it may stand in JSON: a text, a number or another bare word before "," or "}", an item of a list. */
function payloadMatches(name: string, pattern: string): string {
  const value = pattern
    .split("*")
    .map((piece) => JSON.stringify(piece).slice(1, -1))
    .join("*");
  const forms = [`"${value}"`, `${value},`, `${value}}`, `[*${value}*]`];
  return forms.map((form) => like("payload", `*${JSON.stringify(name)}:${form}*`)).join(" OR ");
}
