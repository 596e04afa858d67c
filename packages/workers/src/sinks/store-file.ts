import { randomUUID } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError, type StoredSchema, type StoreSchema } from "@millrace/core";
import { writeAtomically } from "../blobs/atomic-file.js";
import { fileError, hasCode } from "../blobs/file-errors.js";
import { checkSchema } from "./check.js";

/** Version of the layout below a store's folder. */
const storeFormat = 1;

/** A store's folder, and the driver that keeps its points there. */
export interface StoreFolder {
  readonly folder: string;
  readonly driver: string;
}

/**
 * Creates the folder with its `store.json`, or compares the one that is there. The file is written each time: that finds
 * a place that is read-only or full before any work is done. Where `isFilled` is false, the points are gone and with them
 * the store that manifests speak of: it gets another identity.
 * @throws E_STORE_SCHEMA, E_STORE_FINGERPRINT, E_STORE_READ_ONLY, E_DISK_FULL, E_CONFIG, E_STORE
 */
export async function openStoreFolder(place: StoreFolder, schema: StoreSchema, isFilled = true): Promise<StoredSchema> {
  const stored = await readStoreFile(place);
  const opened: StoredSchema = { ...schema, identity: (isFilled ? stored?.identity : undefined) ?? randomUUID() };
  if (stored !== undefined) checkSchema(stored, schema, place.folder);
  try {
    await mkdir(place.folder, { recursive: true });
    await writeStoreFile(place, opened);
    return opened;
  } catch (error) {
    if (hasCode(error, "EEXIST", "ENOTDIR")) throw notFolder(place.folder);
    throw fileError(error, "cannot write to the store", place.folder);
  }
}

/** The schema a store was made with. @throws E_STORE_MISSING where there is no store, E_STORE when it is damaged. */
export async function readStoreSchema(place: StoreFolder): Promise<StoredSchema> {
  const schema = await readStoreFile(place);
  if (schema === undefined) throw storeMissing(place.folder);
  return schema;
}

/** E_STORE_MISSING with the way out. */
export function storeMissing(place: string): MillraceError {
  return new MillraceError("E_STORE_MISSING", "there is no store", { why: place, fix: "Run millrace index first" });
}

function notFolder(folder: string): MillraceError {
  const fix = "Name a folder; it is created where it does not exist";
  return new MillraceError("E_CONFIG", "the store's place is a file", { why: folder, fix });
}

async function readStoreFile(place: StoreFolder): Promise<StoredSchema | undefined> {
  const path = join(place.folder, "store.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    if (hasCode(error, "ENOTDIR")) throw notFolder(place.folder);
    throw fileError(error, "cannot read the store", path);
  }
  return parseStoreFile(text, place, path);
}

function parseStoreFile(text: string, { driver }: StoreFolder, path: string): StoredSchema {
  const content = parseJson(text);
  if (!isStoreFile(content)) {
    const fix = "Restore the file, or index into another --store";
    throw new MillraceError("E_STORE", "the store's description is damaged", { why: path, fix });
  }
  if (content.format !== storeFormat) {
    const why = `${path} is of format ${content.format}, this version knows ${storeFormat}`;
    throw new MillraceError("E_STORE", "the store was made by another version", { why });
  }
  if (content.driver !== driver) {
    const why = `${path} belongs to a ${content.driver} store`;
    const fix = `Name it ${content.driver}:<folder>, or use another folder`;
    throw new MillraceError("E_CONFIG", `the folder is not a ${driver} store`, { why, fix });
  }
  const { dimensions, distance, fingerprint, graph, model, identity } = content;
  return { dimensions, distance, fingerprint, graph, model, identity };
}

async function writeStoreFile({ folder, driver }: StoreFolder, schema: StoredSchema): Promise<void> {
  const content = { format: storeFormat, driver, ...schema };
  const text = `${JSON.stringify(content, null, 2)}\n`;
  await writeAtomically({ path: join(folder, "store.json"), write: (file) => file.writeFile(text) });
}

interface StoreFile extends StoredSchema {
  readonly format: number;
  readonly driver: string;
}

function isStoreFile(content: unknown): content is StoreFile {
  if (typeof content !== "object" || content === null) return false;
  const { format, driver, dimensions, distance, fingerprint, graph, model, identity } = content as Partial<
    Record<keyof StoreFile, unknown>
  >;
  const areTexts = [driver, distance, fingerprint, graph, model, identity].every((value) => typeof value === "string");
  return areTexts && Number.isInteger(format) && Number.isInteger(dimensions);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
