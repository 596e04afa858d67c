import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { StoreSchema } from "@millrace/core";
import { isTemporary, writeAtomically } from "../../blobs/atomic-file.js";
import { hasCode } from "../../blobs/file-errors.js";
import type { PartFormat, Row } from "./part-format.js";

/** One file of an export: points, or the ids that were deleted after what came before. Number 0 is the compacted file. */
export interface Part {
  readonly number: number;
  readonly path: string;
  readonly kind: "points" | "deleted";
}

const deletedEnding = ".deleted.json";

/** Path of the file that a finished job leaves. */
export function compactedPath(folder: string, extension: string): string {
  return join(folder, `points.${extension}`);
}

/** Files in the order they were written, the compacted one first. */
export async function listParts(folder: string, extension: string): Promise<readonly Part[]> {
  const compacted = compactedPath(folder, extension);
  const names = await readNames(folder);
  const parts = (await readNames(partsFolder(folder))).flatMap((name) => partOf(folder, name, extension));
  parts.sort((a, b) => a.number - b.number);
  const isCompacted = names.includes(`points.${extension}`);
  return isCompacted ? [{ number: 0, path: compacted, kind: "points" }, ...parts] : parts;
}

/** Removes what a killed writer left unfinished. Only the one writer of a store may call it. */
export async function sweepTemporaries(folder: string): Promise<void> {
  for (const place of [folder, partsFolder(folder)]) {
    const names = (await readNames(place)).filter(isTemporary);
    await Promise.all(names.map((name) => rm(join(place, name), { force: true })));
  }
}

export interface PointsPart<Content> {
  readonly format: PartFormat<Content>;
  readonly rows: Iterable<Row<Content>>;
  readonly schema: StoreSchema;
}

/** Writes the next part of points. */
export async function writePoints<Content>(
  folder: string,
  number: number,
  { format, rows, schema }: PointsPart<Content>,
): Promise<void> {
  const path = join(partsFolder(folder), `${padded(number)}.${format.name}`);
  await writeAtomically({ path, write: (file) => format.write(file, rows, schema) });
}

/** Writes the next part of deleted ids. */
export async function writeDeleted(folder: string, number: number, ids: readonly string[]): Promise<void> {
  const path = join(partsFolder(folder), `${padded(number)}${deletedEnding}`);
  await writeAtomically({ path, write: (file) => file.writeFile(JSON.stringify(ids)) });
}

/**
 * For each id that is in force the number of the part that holds it: the last that wrote it, unless it was deleted
 * later. This is the one thing an export holds of all its points: some 150 bytes for each.
 */
export async function livePoints<Content>(
  parts: readonly Part[],
  format: PartFormat<Content>,
): Promise<Map<string, number>> {
  const partById = new Map<string, number>();
  for (const { kind, number, path } of parts) {
    if (kind === "deleted") {
      for (const id of JSON.parse(await readFile(path, "utf8")) as readonly string[]) partById.delete(id);
    } else {
      for await (const id of format.readIds(path)) partById.set(id, number);
    }
  }
  return partById;
}

/** Rows in force, in the order they were written. */
export async function* liveRows<Content>(
  parts: readonly Part[],
  format: PartFormat<Content>,
  partById: ReadonlyMap<string, number>,
): AsyncGenerator<Row<Content>> {
  for (const { kind, number, path } of parts) {
    if (kind === "deleted") continue;
    for await (const row of format.read(path)) if (partById.get(row.id) === number) yield row;
  }
}

function partOf(folder: string, name: string, extension: string): readonly Part[] {
  const [, digits, ending] = /^(\d{6,})(\..+)$/.exec(name) ?? [];
  if (digits === undefined) return [];
  const path = join(partsFolder(folder), name);
  if (ending === deletedEnding) return [{ number: Number(digits), path, kind: "deleted" }];
  return ending === `.${extension}` ? [{ number: Number(digits), path, kind: "points" }] : [];
}

const partsFolder = (folder: string) => join(folder, "parts");
const padded = (number: number) => String(number).padStart(6, "0");

async function readNames(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
