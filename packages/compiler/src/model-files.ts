import { randomUUID } from "node:crypto";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { asMillraceError, MillraceError } from "@millrace/core";
import { digestFile, digestOf } from "./digest.js";
import { readJsonOrNothing } from "./json.js";

/** A model file that went into a compiled model. */
export interface ModelFile {
  /** Relative to the model directory. */
  readonly name: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Files that something is made of, in one directory. */
export interface FilesPlace {
  /** Absolute. */
  readonly path: string;
  /** Relative to `path`. */
  readonly files: readonly string[];
}

/**
 * Digest over what the file system says about every file of a model: place, size, inode, times of modification and of
 * change. Equal stamps mean untouched files: no ordinary tool replaces content and leaves the time of change.
 */
export async function stampOf({ path, files }: FilesPlace): Promise<string> {
  const facts = await Promise.all(
    files.map(async (name) => {
      const { ino, size, mtimeNs, ctimeNs } = await stat(join(path, name), { bigint: true });
      return [name, ino, size, mtimeNs, ctimeNs].map(String);
    }),
  );
  return digestOf([path, facts]);
}

/**
 * Size and sha256 of every file of a model: from `lookups/<stamp>.json` in the cache, so that a start need not read the
 * whole model, or by reading it.
 * @throws E_MODEL_INVALID when a file cannot be read or changes meanwhile
 */
export async function digestModelFiles(
  cacheDirectory: string,
  directory: FilesPlace,
  stamp: string,
): Promise<readonly ModelFile[]> {
  const known = await knownModelFiles(cacheDirectory, stamp);
  if (known !== undefined) return known;
  const files: ModelFile[] = [];
  try {
    for (const name of directory.files) {
      const path = join(directory.path, name);
      files.push({ name, bytes: (await stat(path)).size, sha256: await digestFile(path) });
    }
  } catch (error) {
    throw asMillraceError(error, "E_MODEL_INVALID", `cannot read ${directory.path}`);
  }
  await requireUntouched(directory, stamp);
  await writeLookup(lookupPlace(cacheDirectory, stamp), files);
  return files;
}

/** The files that an earlier call of `digestModelFiles` found under the stamp. */
export async function knownModelFiles(
  cacheDirectory: string,
  stamp: string,
): Promise<readonly ModelFile[] | undefined> {
  const known = await readJsonOrNothing(lookupPlace(cacheDirectory, stamp));
  return isModelFiles(known) ? known : undefined;
}

function lookupPlace(cacheDirectory: string, stamp: string): string {
  return join(cacheDirectory, "lookups", `${stamp}.json`);
}

/** @throws E_MODEL_INVALID when the directory's stamp is no longer `stamp` */
export async function requireUntouched(directory: FilesPlace, stamp: string): Promise<void> {
  if ((await stampOf(directory)) === stamp) return;
  const why = "a file changed while it was read";
  throw new MillraceError("E_MODEL_INVALID", `cannot compile ${directory.path}`, { why, fix: "Start again." });
}

function isModelFiles(value: unknown): value is readonly ModelFile[] {
  return Array.isArray(value) && value.every((file) => typeof file?.sha256 === "string");
}

/** A lookup only saves time: a cache that cannot be written is found out when the graph is. */
async function writeLookup(place: string, files: readonly ModelFile[]): Promise<void> {
  const unfinished = `${place}.${randomUUID()}`;
  try {
    await mkdir(dirname(place), { recursive: true });
    await writeFile(unfinished, JSON.stringify(files));
    await rename(unfinished, place);
  } catch {
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
}
