import { randomUUID } from "node:crypto";
import { type FileHandle, link, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { hasCode } from "./file-errors.js";

/** Begins the name of a file that is not finished. No stored name begins so: a `%` there is followed by hex digits. */
export const temporaryMark = "%~";

export interface AtomicWrite {
  /** Where the finished file lies; folders on the way are created. */
  readonly path: string;
  /** Writes the content. */
  readonly write: (file: FileHandle) => Promise<void>;
  /** Leaves a file that is already there as it is. */
  readonly onlyIfAbsent?: boolean;
}

/**
 * Writes a file whole or not at all: into a temporary file beside it, to the disk, then under its name.
 * @returns false where `onlyIfAbsent` found a file.
 */
export async function writeAtomically({ path, write, onlyIfAbsent = false }: AtomicWrite): Promise<boolean> {
  const temporary = join(dirname(path), `${temporaryMark}${randomUUID()}`);
  try {
    const file = await openInFolder(temporary);
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    const isNew = await publish(temporary, path, onlyIfAbsent);
    await syncFolder(dirname(path));
    return isNew;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** True for the name or path of a file that `writeAtomically` has not finished. */
export function isTemporary(path: string): boolean {
  return basename(path).startsWith(temporaryMark);
}

async function openInFolder(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx");
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    await createFolder(dirname(path));
    return open(path, "wx");
  }
}

/** Creates the folder and makes the new names on the way to it durable. */
async function createFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let path = folder; path.length >= first.length; path = dirname(path)) await syncFolder(dirname(path));
}

/** A hard link fails where the name exists, so that of racing writers exactly one succeeds; a rename would replace. */
async function publish(temporary: string, path: string, onlyIfAbsent: boolean): Promise<boolean> {
  if (!onlyIfAbsent) {
    await rename(temporary, path);
    return true;
  }
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync a folder; their rename is durable by itself.
    if (!hasCode(error, "EINVAL", "ENOTSUP", "EBADF")) throw error;
  } finally {
    await handle.close();
  }
}
