import type { Dirent } from "node:fs";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type BlobStore, compareKeys } from "@millrace/core";
import { isTemporary, writeAtomically } from "./atomic-file.js";
import { fileError, hasCode } from "./file-errors.js";
import { checkKey, folderName, keyToPath, segmentOf } from "./keys.js";

/** A temporary file this old was left by a process that died: no writer takes an hour for one blob. */
const temporaryLifetimeMs = 3_600_000;

/** Files deleted at the same time. */
const deletesAtOnce = 32;

/**
 * Blobs as files below a folder, which the first `put` creates.
 * @throws E_DISK_FULL, E_STORE_READ_ONLY or E_IO with the path.
 */
export function folderBlobs(folder: string): BlobStore {
  const root = resolve(folder);
  const pathOf = (key: string) => {
    checkKey(key);
    return join(root, keyToPath(key));
  };
  return {
    get: (key) => readBlob(pathOf(key)),
    put: (key, bytes, options) => writeBlob(pathOf(key), bytes, options?.onlyIfAbsent ?? false),
    async delete(keys) {
      const paths = keys.map(pathOf);
      for (let start = 0; start < paths.length; start += deletesAtOnce) {
        await Promise.all(paths.slice(start, start + deletesAtOnce).map(deleteBlob));
      }
    },
    list: (prefix) => listBlobs(root, prefix),
  };
}

async function readBlob(path: string): Promise<Uint8Array | undefined> {
  try {
    const { buffer, byteOffset, length } = await readFile(path);
    return new Uint8Array(buffer, byteOffset, length);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw fileError(error, "cannot read a blob", path);
  }
}

async function writeBlob(path: string, bytes: Uint8Array, onlyIfAbsent: boolean): Promise<boolean> {
  try {
    return await writeAtomically({ path, onlyIfAbsent, write: (file) => file.writeFile(bytes) });
  } catch (error) {
    throw fileError(error, "cannot write a blob", path);
  }
}

async function deleteBlob(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    if (hasCode(error, "ENOTDIR")) return;
    throw fileError(error, "cannot delete a blob", path);
  }
}

/** Walks only the folder that the prefix's whole segments name. */
async function* listBlobs(root: string, prefix: string): AsyncGenerator<string> {
  const base = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  const folders = base.split("/").slice(0, -1);
  yield* walk(join(root, ...folders.map(folderName)), base, prefix);
}

/** Keys of one folder in order. A folder's name sorts as its keys do: with the "/" that follows it. */
async function* walk(folder: string, base: string, prefix: string): AsyncGenerator<string> {
  const entries = (await readFolder(folder)).flatMap((entry) => {
    const segment = segmentOf(entry.name, entry.isDirectory());
    return segment === undefined ? [] : [{ entry, key: `${base}${segment}${entry.isDirectory() ? "/" : ""}` }];
  });
  entries.sort((a, b) => compareKeys(a.key, b.key));
  for (const { entry, key } of entries) {
    if (entry.isDirectory() && (key.startsWith(prefix) || prefix.startsWith(key))) {
      yield* walk(join(folder, entry.name), key, prefix);
    } else if (entry.isFile() && key.startsWith(prefix)) {
      yield key;
    }
  }
}

async function readFolder(folder: string): Promise<readonly Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const temporary = entries.filter(({ name }) => isTemporary(name));
    await Promise.all(temporary.map(({ name }) => sweep(join(folder, name))));
    return entries.filter(({ name }) => !isTemporary(name));
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return [];
    throw fileError(error, "cannot list blobs", folder);
  }
}

/** Removes a left-over temporary file; whether that succeeds matters to nobody. */
async function sweep(path: string): Promise<void> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > temporaryLifetimeMs) await rm(path, { force: true });
  } catch {}
}
