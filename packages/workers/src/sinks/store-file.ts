import { randomUUID } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError, type StoredSchema, type StoreSchema, vectorPrecisions } from "@millrace/core";
import { writeAtomically } from "../blobs/atomic-file.js";
import { fileError, hasCode } from "../blobs/file-errors.js";
import { checkSchema } from "./check.js";

/** Version of the layout below the folder of a store that holds one generation. */
export const storeFormat = 1;

/** A store's folder, and the driver that keeps its points there. */
export interface StoreFolder {
  readonly folder: string;
  readonly driver: string;
}

/** What `store.json` holds, besides what its format says. */
export interface StoreFile {
  readonly format: number;
  readonly driver: string;
  readonly [field: string]: unknown;
}

/**
 * Creates the folder with its `store.json`, or compares the one that is there. The file is written each time: that finds
 * a place that is read-only or full before any work is done.
 * @throws E_STORE_SCHEMA, E_STORE_FINGERPRINT, E_STORE_READ_ONLY, E_DISK_FULL, E_CONFIG, E_STORE
 */
export async function openStoreFolder(place: StoreFolder, schema: StoreSchema): Promise<StoredSchema> {
  const file = await readStoreFile(place);
  const stored = file === undefined ? undefined : schemaOfFile(place, file);
  if (stored !== undefined) checkSchema(stored, schema, place.folder);
  const opened: StoredSchema = { ...schema, identity: stored?.identity ?? randomUUID() };
  await writeStoreFile(place, { format: storeFormat, ...opened });
  return opened;
}

/** The schema a store was made with. @throws E_STORE_MISSING where there is no store, E_STORE when it is damaged. */
export async function readStoreSchema(place: StoreFolder): Promise<StoredSchema> {
  const file = await readStoreFile(place);
  if (file === undefined) throw storeMissing(place.folder);
  return schemaOfFile(place, file);
}

/** E_STORE_MISSING with the way out. */
export function storeMissing(place: string): MillraceError {
  return new MillraceError("E_STORE_MISSING", "there is no store", { why: place, fix: "Run millrace index first" });
}

/** The content of `store.json`, of whatever format; undefined where there is none. @throws E_STORE, E_CONFIG */
export async function readStoreFile(place: StoreFolder): Promise<StoreFile | undefined> {
  const path = pathOf(place);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    if (hasCode(error, "ENOTDIR")) throw notFolder(place.folder);
    throw fileError(error, "cannot read the store", path);
  }
  const content = parseJson(text);
  if (!isStoreFile(content)) throw damagedStore(place);
  const { driver } = content;
  if (driver === place.driver) return content;
  const why = `${path} belongs to a ${driver} store`;
  const fix = `Name it ${driver}:<folder>, or use another folder`;
  throw new MillraceError("E_CONFIG", `the folder is not a ${place.driver} store`, { why, fix });
}

/** Replaces `store.json`, whole or not at all, in a folder that is created. @throws E_STORE_READ_ONLY … */
export async function writeStoreFile(
  place: StoreFolder,
  { format, ...content }: Readonly<Record<string, unknown>>,
): Promise<void> {
  const text = `${JSON.stringify({ format, driver: place.driver, ...content }, null, 2)}\n`;
  try {
    await mkdir(place.folder, { recursive: true });
    await writeAtomically({ path: pathOf(place), write: (file) => file.writeFile(text) });
  } catch (error) {
    if (hasCode(error, "EEXIST", "ENOTDIR")) throw notFolder(place.folder);
    throw fileError(error, "cannot write to the store", place.folder);
  }
}

/** The schema in a file of a store of one generation. */
function schemaOfFile(place: StoreFolder, file: StoreFile): StoredSchema {
  if (file.format !== storeFormat) throw otherVersion(place, file.format);
  return schemaOf(place, file);
}

/** The schema among other fields. @throws E_STORE where one is missing. */
export function schemaOf(place: StoreFolder, content: unknown): StoredSchema {
  if (!isSchema(content)) throw damagedStore(place);
  const { dimensions, distance, form, fingerprint, graph, model, identity } = content;
  return { dimensions, distance, ...(form && { form }), fingerprint, graph, model, identity };
}

export function damagedStore(place: StoreFolder): MillraceError {
  const fix = "Restore the file, or index into another --store";
  return new MillraceError("E_STORE", "the store's description is damaged", { why: pathOf(place), fix });
}

export function otherVersion(place: StoreFolder, format: number): MillraceError {
  const why = `${pathOf(place)} is of format ${format}, which this version does not know`;
  return new MillraceError("E_STORE", "the store was made by another version", { why });
}

function notFolder(folder: string): MillraceError {
  const fix = "Name a folder; it is created where it does not exist";
  return new MillraceError("E_CONFIG", "the store's place is a file", { why: folder, fix });
}

const pathOf = ({ folder }: StoreFolder) => join(folder, "store.json");

function isStoreFile(content: unknown): content is StoreFile {
  if (typeof content !== "object" || content === null) return false;
  const { format, driver } = content as { readonly format?: unknown; readonly driver?: unknown };
  return Number.isInteger(format) && typeof driver === "string";
}

function isSchema(content: unknown): content is StoredSchema {
  if (typeof content !== "object" || content === null) return false;
  const { dimensions, distance, form, fingerprint, graph, model, identity } = content as Partial<
    Record<keyof StoredSchema, unknown>
  >;
  if (form !== undefined && !isForm(form)) return false;
  const areTexts = [distance, fingerprint, graph, model, identity].every((value) => typeof value === "string");
  return areTexts && Number.isInteger(dimensions);
}

function isForm(form: unknown): boolean {
  const { precision, step } = (form ?? {}) as { readonly precision?: unknown; readonly step?: unknown };
  const isKnown = vectorPrecisions.some((known) => known === precision);
  return isKnown && (precision !== "int8" || (typeof step === "number" && step > 0));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
