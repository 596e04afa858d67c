import { isUtf8 } from "node:buffer";
import {
  asMillraceError,
  type Document,
  type FieldMapping,
  MillraceError,
  type Payload,
  type Row,
} from "@millrace/core";
import { asBuffer } from "./content.js";
import { jsonObject } from "./json-value.js";

/** Fields looked for when none is named, the first that is there is the text. */
const defaultTextFields = ["text", "content", "body"] as const;

/** A structured row by field name. Only own properties count. */
export type Fields = { readonly [field: string]: unknown };

/** The document of a structured row, or why there is none. */
export function rowOf(fields: Fields, row: number, mapping: FieldMapping): Row {
  try {
    return { row, document: documentOf(fields, String(row), mapping) };
  } catch (error) {
    return { row, error: asMillraceError(error, "E_ROW_PARSE", `Row ${row} cannot be read`) };
  }
}

/**
 * Makes a document of a structured row; `defaultKey` is its key where the mapping names no id field. Without any text
 * field named, the text is the field `text`, `content` or `body`, and the title the field `title`.
 * @throws E_ROW_FIELD, E_ROW_ENCODING
 */
export function documentOf(fields: Fields, defaultKey: string, mapping: FieldMapping): Document {
  const { isTextOptional = false } = mapping;
  const textFields = mapping.text.length > 0 || isTextOptional ? mapping.text : defaultTextFieldsOf(fields);
  const texts = textFields.map((name) => textOf(fields, name)).filter((text) => text !== undefined);
  if (texts.length === 0 && !isTextOptional)
    throw fieldError(`none of the text fields ${quoted(textFields)} is there`, fields);
  const titleField = mapping.title ?? (mapping.text.length === 0 && !isTextOptional ? "title" : undefined);
  const title =
    titleField === undefined || !isPresent(fields, titleField) ? "" : (textOf(fields, titleField) ?? "").trim();
  return {
    key: mapping.id === undefined ? defaultKey : keyOf(fields, mapping.id),
    // An empty field would leave nothing but its separator.
    text: texts.filter((text) => text !== "").join(" "),
    ...(title === "" ? {} : { title }),
    payload: payloadOf(fields, mapping.payload, textFields),
    blocks: [],
  };
}

/** Key of a row by its id field, whatever else the row holds; undefined where it has none. */
export function keyIn(fields: unknown, idField: string): string | undefined {
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) return undefined;
  try {
    return keyOf(fields as Fields, idField);
  } catch {
    return undefined;
  }
}

/** True where a row has text without any field being named. */
export function hasDefaultTextField(fields: Fields): boolean {
  return defaultTextFields.some((name) => isPresent(fields, name));
}

function defaultTextFieldsOf(fields: Fields): readonly string[] {
  const found = defaultTextFields.find((name) => isPresent(fields, name));
  return found === undefined ? defaultTextFields : [found];
}

function isPresent(fields: Fields, name: string): boolean {
  return Object.hasOwn(fields, name) && fields[name] !== null && fields[name] !== undefined;
}

/** Text of a field; lists of strings are joined by line breaks. Undefined where the field is absent or null. */
function textOf(fields: Fields, name: string): string | undefined {
  if (!isPresent(fields, name)) return undefined;
  const value = fields[name];
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join("\n").toWellFormed();
  if (value instanceof Uint8Array) return utf8Of(value, name);
  throw fieldError(`the field "${name}" is not text`, fields);
}

function utf8Of(bytes: Uint8Array, name: string): string {
  if (isUtf8(bytes)) return asBuffer(bytes).toString("utf8");
  throw new MillraceError("E_ROW_ENCODING", `The row's field "${name}" is not valid UTF-8`);
}

function keyOf(fields: Fields, name: string): string {
  const value = isPresent(fields, name) ? fields[name] : undefined;
  if (typeof value === "string" && value !== "") return value.toWellFormed();
  if (typeof value === "bigint" || (typeof value === "number" && Number.isFinite(value))) return String(value);
  if (value instanceof Uint8Array && value.length > 0) return utf8Of(value, name);
  throw fieldError(`the id field "${name}" is ${value === undefined ? "missing" : "not a text or a number"}`, fields);
}

function payloadOf(fields: Fields, names: readonly string[], textFields: readonly string[]): Payload {
  if (names.length === 0) return {};
  const kept = names.includes("*") ? Object.keys(fields).filter((name) => !textFields.includes(name)) : names;
  return jsonObject(kept.flatMap((name) => (Object.hasOwn(fields, name) ? [[name, fields[name]] as const] : [])));
}

function fieldError(why: string, fields: Fields): MillraceError {
  const names = Object.keys(fields);
  const more = names.length > 12 ? ` and ${names.length - 12} more` : "";
  return new MillraceError("E_ROW_FIELD", "The row makes no document", {
    why:
      names.length === 0 ? `${why}; it has no fields` : `${why}; its fields are ${quoted(names.slice(0, 12))}${more}`,
    fix: "Name the fields to use.",
  });
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name.slice(0, 40)}"`).join(", ");
}
