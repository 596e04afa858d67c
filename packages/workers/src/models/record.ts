import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { InstalledModel, ModelFile, ModelOrigin } from "./model.js";

/** Name of the file in a model's folder that says where it came from and what it holds. */
export const recordName = "millrace-model.json";

/** What the record says besides the model itself. */
export interface ModelRecord extends InstalledModel {
  /** Branches and tags that were asked for and led to this revision. */
  readonly requested: readonly string[];
}

/** Writes a model's record. */
export async function writeRecord(path: string, model: Omit<ModelRecord, "directory">): Promise<void> {
  const { name, origin, requested, license, files } = model;
  const record = { version: 1, name, license, origin, requested, files };
  await writeFile(path, `${JSON.stringify(record, null, 2)}\n`, { flush: true });
}

/** The model in a folder of the store, or undefined where its record or one of its files is missing or has another size. */
export async function readRecord(directory: string): Promise<ModelRecord | undefined> {
  const model = await readFile(join(directory, recordName), "utf8").then(parseRecord, () => undefined);
  if (model === undefined) return undefined;
  for (const { name, bytes } of model.files) {
    const size = await stat(join(directory, name)).then(
      (found) => found.size,
      () => -1,
    );
    if (size !== bytes) return undefined;
  }
  return { ...model, directory };
}

function parseRecord(text: string): Omit<ModelRecord, "directory"> | undefined {
  const record = parseJson(text);
  if (!isRecord(record) || record.version !== 1 || typeof record.name !== "string") return undefined;
  if (!isOrigin(record.origin) || !isListOf(record.requested, isText) || !isListOf(record.files, isFile))
    return undefined;
  const { name, origin, requested, files } = record;
  return { name, origin, requested, files, ...(isText(record.license) && { license: record.license }) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isListOf<Item>(value: unknown, isItem: (item: unknown) => item is Item): value is Item[] {
  return Array.isArray(value) && value.every(isItem);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isOrigin(value: unknown): value is ModelOrigin {
  return isRecord(value) && (value.kind === "hub" || value.kind === "package") && isText(value.reference);
}

function isFile(value: unknown): value is ModelFile {
  return isRecord(value) && isText(value.name) && typeof value.bytes === "number" && isText(value.sha256);
}
