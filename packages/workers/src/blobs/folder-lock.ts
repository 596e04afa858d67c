import { mkdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "@millrace/core";
import { createMutex } from "../mutex.js";
import { fileError, hasCode } from "./file-errors.js";

/** Gives a lock back. */
export type Unlock = () => Promise<void>;

/**
 * Keeps other processes of this machine out of a work folder or store. A lock whose process is dead is taken over, so a
 * killed run leaves nothing to clean up. Within one process it is shared: the last to give it back opens the folder.
 * @throws E_CONFIG where a file lies, E_STORE_BUSY while another live process holds it, E_STORE_READ_ONLY, E_DISK_FULL
 */
export async function lockFolder(folder: string): Promise<Unlock> {
  try {
    await mkdir(folder, { recursive: true });
    return await shareLock(folder, join(await realpath(folder), "lock"));
  } catch (error) {
    if (hasCode(error, "EEXIST", "ENOTDIR")) throw notFolder(folder, error);
    throw fileError(error, "cannot lock the folder", folder);
  }
}

/** Whether another live process holds the lock of a folder. */
export async function isLocked(folder: string): Promise<boolean> {
  return isAlive(Number(await readFile(join(folder, "lock"), "utf8").catch(() => "")));
}

/** Locks of this process, by path. */
const locks = new Map<string, { readonly unlock: Unlock; holders: number }>();

const serially = createMutex();

function shareLock(folder: string, path: string): Promise<Unlock> {
  return serially(async () => {
    const lock = locks.get(path) ?? { unlock: await takeLock(folder, path), holders: 0 };
    locks.set(path, lock);
    lock.holders += 1;
    let isHeld = true;
    return () =>
      serially(async () => {
        if (!isHeld) return;
        isHeld = false;
        lock.holders -= 1;
        if (lock.holders > 0) return;
        locks.delete(path);
        await lock.unlock();
      });
  });
}

async function takeLock(folder: string, path: string): Promise<Unlock> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      return () => rm(path, { force: true });
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
    }
    const holder = Number(await readFile(path, "utf8").catch(() => ""));
    if (isAlive(holder)) throw busy(folder, holder);
    await rm(path, { force: true });
  }
  throw busy(folder, undefined);
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}

function notFolder(folder: string, cause: unknown): MillraceError {
  return new MillraceError("E_CONFIG", `${folder} is not a folder`, {
    why: "a file lies there, or where a folder above it should be",
    fix: "Name another place; a folder is created where there is none.",
    cause,
  });
}

function busy(folder: string, pid: number | undefined): MillraceError {
  return new MillraceError("E_STORE_BUSY", `another run is working in ${folder}`, {
    why: pid === undefined ? "it takes the lock again and again" : `process ${pid} holds the lock`,
    fix: "Wait for it to end, or stop it; its work is kept.",
  });
}
