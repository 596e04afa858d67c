import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "@millrace/core";

/** A JSON object that was read from a model directory; the accessors name file, field and value when a value is wrong. */
export class JsonFile {
  readonly path: string;
  readonly values: Readonly<Record<string, unknown>>;

  constructor(path: string, values: Readonly<Record<string, unknown>>) {
    this.path = path;
    this.values = values;
  }

  /** A whole number of at least 1. @throws E_MODEL_INVALID */
  count(field: string): number {
    const value = this.values[field];
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value;
    throw this.invalid(field, "it must be a whole number of at least 1");
  }

  /** A number above 0, or `fallback` where the field is absent. @throws E_MODEL_INVALID */
  positive(field: string, fallback: number): number {
    const value = this.values[field] ?? fallback;
    if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
    throw this.invalid(field, "it must be a number above 0");
  }

  /** A string, or `fallback` where the field is absent. @throws E_MODEL_INVALID */
  text(field: string, fallback?: string): string {
    const value = this.values[field] ?? fallback;
    if (typeof value === "string") return value;
    throw this.invalid(field, "it must be a string");
  }

  invalid(field: string, rule: string): MillraceError {
    const why = `${field} is ${JSON.stringify(this.values[field]) ?? "absent"}; ${rule}`;
    return new MillraceError("E_MODEL_INVALID", `cannot use ${this.path}`, { why });
  }

  /** The field's value is one this compiler does not know; `supported` lists what it does. */
  unsupported(field: string, supported: readonly string[]): MillraceError {
    const why = `${field} ${JSON.stringify(this.values[field]) ?? "is absent and"} is not supported`;
    const fix = `Supported: ${supported.join(", ")}.`;
    return new MillraceError("E_MODEL_UNSUPPORTED", `cannot compile ${this.path}`, { why, fix });
  }
}

/** Reads a JSON file, undefined where there is none. @throws E_MODEL_INVALID when it is not JSON or cannot be read. */
export async function readJsonValue(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT" || cause.code === "ENOTDIR") return undefined;
    throw new MillraceError("E_MODEL_INVALID", `cannot read ${path}`, { why: cause.message, cause });
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new MillraceError("E_MODEL_INVALID", `cannot read ${path}`, {
      why: "it is not JSON",
      fix: "Download the model again.",
      cause,
    });
  }
}

/** Reads a JSON object, undefined where there is no file. @throws E_MODEL_INVALID when it holds anything else. */
export async function readJsonFile(path: string): Promise<JsonFile | undefined> {
  const value = await readJsonValue(path);
  if (value === undefined) return undefined;
  if (isRecord(value)) return new JsonFile(path, value);
  throw new MillraceError("E_MODEL_INVALID", `cannot read ${path}`, {
    why: "it is not a JSON object",
    fix: "Download the model again.",
  });
}

/** Reads a JSON object that must be there. @throws E_MODEL_INVALID */
export async function requireJsonFile(directory: string, name: string): Promise<JsonFile> {
  const file = await readJsonFile(join(directory, name));
  if (file !== undefined) return file;
  throw new MillraceError("E_MODEL_INVALID", `${directory} is not a model directory`, {
    why: `it has no ${name}`,
    fix: "Name a directory that holds config.json, model.safetensors and tokenizer.json.",
  });
}

/** True for a JSON object, as opposed to a list or null. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads JSON that only saves time: undefined where it is missing or damaged. */
export async function readJsonOrNothing(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}
