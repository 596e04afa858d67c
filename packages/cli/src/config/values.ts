import { type PayloadIndex, payloadIndexTypes } from "@millrace/core";
import { z } from "zod";

const units: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

const byteText = /^(\d+(?:\.\d+)?)\s*([kmg]i?b|b|)$/i;

/** Bytes, as a number or as text such as `64 MiB`. */
export const byteCount = z
  .union([z.number().int().nonnegative(), z.string().regex(byteText, "it must be a size such as 64MiB")])
  .transform((value) => (typeof value === "number" ? value : parseBytes(value)));

const payloadIndexText = new RegExp(`^payload\\.(.+):(${payloadIndexTypes.join("|")})$`, "s");

/** Texts such as `payload.lang:keyword`, a field only once. */
export const payloadIndexes = z
  .array(
    z.string().regex(payloadIndexText, `it must be payload.<name>:<type>, of type ${payloadIndexTypes.join(", ")}`),
  )
  .refine((texts) => new Set(texts.map((text) => parsePayloadIndex(text).field)).size === texts.length, {
    message: "a field must not occur twice",
  });

/** The parts of a text that `payloadIndexes` lets pass. */
export function parsePayloadIndex(text: string): PayloadIndex {
  const colon = text.lastIndexOf(":");
  return { field: text.slice(0, colon), type: text.slice(colon + 1) as PayloadIndex["type"] };
}

function parseBytes(text: string): number {
  const [, amount, unit] = byteText.exec(text) as RegExpExecArray;
  return Math.round(Number(amount) * (units[(unit as string).toLowerCase()] as number));
}

/** What a text stands for, as a schema wants it. Text that is no number or truth value is left for the schema to refuse. */
export function parseText(text: string, schema: z.ZodType): unknown {
  const kind = kindOf(schema);
  if (kind === "boolean") return truthValues[text.trim().toLowerCase()] ?? text;
  if (kind === "array") return parseList(text);
  if (kind !== "number" || text.trim() === "") return text;
  const value = Number(text);
  return Number.isNaN(value) ? text : value;
}

/** The schema's type without `optional`. */
export function kindOf(schema: z.ZodType): string {
  return schema instanceof z.ZodOptional ? kindOf(schema.unwrap() as z.ZodType) : schema.type;
}

/** The value as the schema makes it, or what is wrong with it in words. */
export function checkValue(value: unknown, schema: z.ZodType): { value: unknown } | { problem: string } {
  const result = schema.safeParse(value);
  if (result.success) return { value: result.data };
  const issue = result.error.issues[0];
  const at = issue?.path.length ? ` at position ${issue.path.join(".")}` : "";
  return {
    problem: `${JSON.stringify(value)} is not allowed${at}: ${issue === undefined ? "it has the wrong type" : inWords(issue)}`,
  };
}

/** The commonest rules in plain words; the schema's own for the rest. */
function inWords(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type" && issue.expected === "int") return "it must be a whole number";
  if (issue.code === "invalid_type" && issue.expected === "number") return "it must be a number";
  if (issue.code === "too_small" && issue.origin === "string") return "it must not be empty";
  if (issue.code === "too_small") return `it must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}`;
  return issue.message;
}

const truthValues: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  "1": true,
  false: false,
  no: false,
  off: false,
  "0": false,
  "": false,
};

/** A JSON array, or items between commas; commas inside `{…}` of a glob do not separate. */
export function parseList(text: string): readonly string[] {
  if (text.trim().startsWith("[")) {
    try {
      return JSON.parse(text) as readonly string[];
    } catch {
      // A glob may begin with a bracket, too.
    }
  }
  const items = text.split(/,(?![^{]*\})/).map((item) => item.trim());
  return items.filter((item) => item !== "");
}

/** A value as YAML on one line. */
export function showValue(value: unknown, schema: z.ZodType): string {
  const isBytes = schema.type === "pipe" && typeof value === "number" && value >= 2 ** 20 && value % 2 ** 20 === 0;
  if (isBytes) return `${value / 2 ** 20}MiB`;
  return typeof value === "string" && /^[\w./~:-]+$/.test(value) ? value : JSON.stringify(value);
}
