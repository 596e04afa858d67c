import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { asMillraceError, type ErrorCode, MillraceError } from "@millrace/core";
import { digestFile, digestOf } from "./digest.js";
import type { ModelDirectory } from "./model-directory.js";

/**
 * Compiled graphs on disk:
 * ```
 * <key>/graph.onnx          key: digest over the compiler's version, the options and the model files' sha256
 * <key>/model.json          what `compileModel` returned, less the places
 * lookups/<stamp>.json      key and file digests of a model directory whose files look untouched
 * ```
 * A stamp covers each file's place, size, inode and times of modification and change, so that a start need not hash the
 * model again; no tool can replace a file's content without changing its time of change. The graph itself is always hashed.
 */
export interface CacheEntry {
  readonly graphPath: string;
  readonly model: unknown;
}

/** The entry under `key`, or undefined where there is none or its graph is not the one that was written. */
export async function findEntry(cacheDirectory: string, key: string): Promise<CacheEntry | undefined> {
  const graphPath = join(cacheDirectory, key, graphName);
  const model = await readJson(join(cacheDirectory, key, modelName));
  if (typeof model !== "object" || model === null || !("graphDigest" in model)) return undefined;
  const digest = await digestFile(graphPath).catch(() => undefined);
  return digest === model.graphDigest ? { graphPath, model } : undefined;
}

const graphName = "graph.onnx";
const modelName = "model.json";
const unfinishedPrefix = "unfinished-";

export interface NewEntry {
  readonly key: string;
  readonly graph: AsyncIterable<Uint8Array>;
  /** Makes model.json's content of the digest of the graph that was written. */
  readonly describe: (graphDigest: string) => unknown;
}

/**
 * Writes an entry beside its place and moves it there whole. Where another process was faster its entry is kept: the
 * same key means the same bytes. @throws E_STORE_READ_ONLY or E_DISK_FULL when the cache cannot be written
 */
export async function writeEntry(cacheDirectory: string, { key, graph, describe }: NewEntry): Promise<void> {
  const unfinished = join(cacheDirectory, `${unfinishedPrefix}${randomUUID()}`);
  try {
    await mkdir(unfinished, { recursive: true });
    await removeAbandoned(cacheDirectory);
    const digest = await writeHashed(join(unfinished, graphName), graph);
    await writeFile(join(unfinished, modelName), `${JSON.stringify(describe(digest), null, 2)}\n`, { flush: true });
    await moveInto(unfinished, join(cacheDirectory, key));
  } catch (error) {
    throw asMillraceError(error, writeErrorCode(error), `cannot write the compiled model to ${cacheDirectory}`);
  } finally {
    await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Nobody compiles for a day: what is older was left by a process that was killed. */
const abandonedAfterMilliseconds = 24 * 60 * 60 * 1000;

async function removeAbandoned(cacheDirectory: string): Promise<void> {
  for (const name of await readdir(cacheDirectory)) {
    if (!name.startsWith(unfinishedPrefix)) continue;
    const path = join(cacheDirectory, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (Date.now() - mtimeMs > abandonedAfterMilliseconds) await rm(path, { recursive: true, force: true });
  }
}

function writeErrorCode(error: unknown): ErrorCode {
  const code = systemCode(error);
  if (code === "ENOSPC" || code === "EDQUOT") return "E_DISK_FULL";
  return ["EACCES", "EPERM", "EROFS", "EEXIST", "ENOTDIR"].includes(code) ? "E_STORE_READ_ONLY" : "E_IO";
}

function systemCode(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? "");
}

async function writeHashed(path: string, pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path, "wx");
  try {
    for await (const piece of pieces) {
      hash.update(piece);
      await file.writeFile(piece);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}

/** Renames a folder onto a place that may hold a valid entry (then it stays), or a damaged one (then it goes). */
async function moveInto(unfinished: string, place: string): Promise<void> {
  if (await renamed(unfinished, place)) return;
  if ((await findEntry(dirname(place), place.slice(dirname(place).length + 1))) !== undefined) return;
  const damaged = `${unfinished}-damaged`;
  await renamed(place, damaged);
  await renamed(unfinished, place);
  await rm(damaged, { recursive: true, force: true });
}

/** @returns false when the target is taken or another process moved the source away */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (["ENOTEMPTY", "EEXIST", "ENOENT"].includes(systemCode(error))) return false;
    throw error;
  }
}

/** A model file that went into a compiled model. */
export interface ModelFile {
  /** Relative to the model directory. */
  readonly name: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Digest over what the file system says about every file of a model; equal stamps mean untouched files. */
export async function stampOf({ path, files }: ModelDirectory): Promise<string> {
  const facts = await Promise.all(
    files.map(async (name) => {
      const { ino, size, mtimeNs, ctimeNs } = await stat(join(path, name), { bigint: true });
      return [name, ino, size, mtimeNs, ctimeNs].map(String);
    }),
  );
  return digestOf([path, facts]);
}

/**
 * Size and sha256 of every file of a model: from the lookup of its stamp, or by reading them all.
 * @throws E_MODEL_INVALID when a file cannot be read or changes meanwhile
 */
export async function digestModelFiles(
  cacheDirectory: string,
  directory: ModelDirectory,
  stamp: string,
): Promise<readonly ModelFile[]> {
  const place = join(cacheDirectory, "lookups", `${stamp}.json`);
  const known = await readJson(place);
  if (isModelFiles(known)) return known;
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
  await writeLookup(place, files);
  return files;
}

/** @throws E_MODEL_INVALID when the directory's stamp is no longer `stamp` */
export async function requireUntouched(directory: ModelDirectory, stamp: string): Promise<void> {
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

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}
