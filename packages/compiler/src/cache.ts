import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { asMillraceError, type ErrorCode, MillraceError } from "@millrace/core";
import { digestFile } from "./digest.js";
import { readJsonOrNothing } from "./json.js";
import { digestModelFiles, stampOf } from "./model-files.js";

/**
 * A compiled graph on disk, below the cache directory:
 * ```
 * <key>/graph.onnx      key: digest over the compiler's version, the precision, what it is calibrated with, the head, and the
 *                       model files' names and sha256
 * <key>/weights-1.bin   weights of a graph that is too large for one file
 * <key>/…               other files, such as a tokenizer.json that was made of what the model brings
 * <key>/model.json      what `compileModel` or `compileGenerator` returned, less the places
 * ```
 */
export interface CacheEntry {
  readonly graphPath: string;
  readonly model: unknown;
}

/** The entry under `key`, or undefined where there is none or its graph is not the one that was written. */
export async function findEntry(cacheDirectory: string, key: string): Promise<CacheEntry | undefined> {
  const graphPath = join(cacheDirectory, key, graphName);
  const model = await readJsonOrNothing(join(cacheDirectory, key, modelName));
  if (typeof model !== "object" || model === null || !("graphDigest" in model)) return undefined;
  const digest = await graphDigest(cacheDirectory, join(cacheDirectory, key)).catch(() => undefined);
  if (digest !== model.graphDigest || !(await areThere(join(cacheDirectory, key), model))) return undefined;
  return { graphPath, model };
}

/** The entry under `key`, written where there is none. @throws E_IO where the cache does not keep what is written to it */
export async function ensureEntry(
  cacheDirectory: string,
  key: string,
  write: () => Promise<void>,
): Promise<CacheEntry> {
  const found = await findEntry(cacheDirectory, key);
  if (found !== undefined) return found;
  await write();
  const written = await findEntry(cacheDirectory, key);
  if (written !== undefined) return written;
  throw new MillraceError("E_IO", `${cacheDirectory} does not hold what was just written to it`, {
    fix: "Check the disk, or name another cache directory.",
  });
}

/** Read once: from then on its stamp says that it is untouched, and who loads it compares the digest of the very bytes. */
async function graphDigest(cacheDirectory: string, path: string): Promise<string | undefined> {
  const graph = { path, files: [graphName] };
  const [file] = await digestModelFiles(cacheDirectory, graph, await stampOf(graph));
  return file?.sha256;
}

/**
 * True where files of weights are as long as they were, which who loads them compares by their digests, and others are
 * those that were written.
 */
async function areThere(folder: string, model: object): Promise<boolean> {
  const { weights = [], others = [] } = model as { weights?: readonly StoredFile[]; others?: readonly StoredFile[] };
  const sizes = await Promise.all(
    weights.map(({ name }) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => -1,
      ),
    ),
  );
  const digests = await Promise.all(others.map(({ name }) => digestFile(join(folder, name)).catch(() => "")));
  return (
    weights.every(({ bytes }, index) => bytes === sizes[index]) &&
    others.every(({ sha256 }, index) => sha256 === digests[index])
  );
}

/** A file of an entry. */
export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** A file that a graph takes weights from, under the name the graph gives it. */
export interface WeightsPlace extends StoredFile {
  readonly path: string;
}

/** Files of an entry, with the places they have on this machine: beside its graph. */
export function placedBeside(graphPath: string, files: readonly StoredFile[]): readonly WeightsPlace[] {
  return files.map((file) => ({ ...file, path: join(dirname(graphPath), file.name) }));
}

const graphName = "graph.onnx";
const modelName = "model.json";
const unfinishedPrefix = "unfinished-";

/** A file of an entry that is to be written. */
export interface NewFile {
  readonly name: string;
  readonly content: AsyncIterable<Uint8Array>;
}

export interface NewEntry {
  readonly key: string;
  /** Files that graphs take weights from; they are written first. */
  readonly weights: readonly NewFile[];
  readonly graph: (weights: readonly StoredFile[]) => AsyncIterable<Uint8Array>;
  /** Files beside the graph that it takes nothing from; they are written before it. */
  readonly others?: (weights: readonly StoredFile[]) => readonly NewFile[];
  /** Makes model.json's content of the digest of the graph that was written, and of those files. */
  readonly describe: (graphDigest: string, weights: readonly StoredFile[], others: readonly StoredFile[]) => unknown;
}

/**
 * Writes an entry beside its place and moves it there whole. Where another process was faster its entry is kept: the
 * same key means the same bytes. @throws E_STORE_READ_ONLY or E_DISK_FULL when the cache cannot be written
 */
export async function writeEntry(cacheDirectory: string, entry: NewEntry): Promise<void> {
  const { key, weights, graph, others = () => [], describe } = entry;
  const unfinished = join(cacheDirectory, `${unfinishedPrefix}${randomUUID()}`);
  try {
    await mkdir(unfinished, { recursive: true });
    await removeAbandoned(cacheDirectory);
    const stored = await writeFiles(unfinished, weights);
    const beside = await writeFiles(unfinished, others(stored));
    const { sha256 } = await writeHashed(join(unfinished, graphName), graph(stored));
    const model = `${JSON.stringify(describe(sha256, stored, beside), null, 2)}\n`;
    await writeFile(join(unfinished, modelName), model, { flush: true });
    await moveInto(unfinished, join(cacheDirectory, key));
  } catch (error) {
    throw asMillraceError(error, writeErrorCode(error), `cannot write the compiled model to ${cacheDirectory}`);
  } finally {
    await rm(unfinished, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function writeFiles(folder: string, files: readonly NewFile[]): Promise<readonly StoredFile[]> {
  const stored: StoredFile[] = [];
  for (const { name, content } of files) stored.push({ name, ...(await writeHashed(join(folder, name), content)) });
  return stored;
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

async function writeHashed(path: string, pieces: AsyncIterable<Uint8Array>): Promise<Omit<StoredFile, "name">> {
  let bytes = 0;
  const hash = createHash("sha256");
  const file = await open(path, "wx");
  try {
    for await (const piece of pieces) {
      hash.update(piece);
      bytes += piece.length;
      await file.writeFile(piece);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest("hex") };
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
