import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { readRecord } from "./record.js";

/** Parts of downloads that nobody came back for are removed after a week. */
const abandonedAfterMs = 7 * 24 * 3600 * 1000;

/**
 * Opens a folder in which `key` is being brought. What a dead process left of the same key is taken over, so that its
 * download is resumed; the owner's name is in the folder's, and a rename decides who gets it.
 */
export async function openStaging(modelsDirectory: string, key: string): Promise<string> {
  const root = join(modelsDirectory, ".staging");
  await mkdir(root, { recursive: true });
  const prefix = createHash("sha256").update(key).digest("hex").slice(0, 16);
  const own = join(root, ownedName(prefix, process.pid));
  for (const name of await readdir(root)) {
    if (await isAbandoned(root, name)) await rm(join(root, name), { recursive: true, force: true });
    else if (name.startsWith(`${prefix}@`) && isFree(name) && (await tryRename(join(root, name), own))) return own;
  }
  await mkdir(own);
  return own;
}

/** Leaves a staging folder for the next one who wants the same. */
export async function releaseStaging(staging: string): Promise<void> {
  const prefix = staging.slice(dirname(staging).length + 1).split("@")[0] as string;
  await tryRename(staging, join(dirname(staging), ownedName(prefix, nobody)));
}

/**
 * Puts a finished folder in its place, at once. Where another process was first, its folder stays; a damaged one is
 * replaced.
 */
export async function moveIntoPlace(finished: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  if (await tryRename(finished, target)) return;
  if ((await readRecord(target)) !== undefined) return;
  const damaged = `${finished}.damaged`;
  await tryRename(target, damaged);
  await rename(finished, target);
  await rm(damaged, { recursive: true, force: true });
}

/** Process id that no process has. */
const nobody = 0;

function ownedName(prefix: string, pid: number): string {
  return [prefix, hostname().replaceAll(/[^\w.-]/g, "_"), pid, randomUUID()].join("@");
}

/** True when the owner was a process of this machine that is no more. */
function isFree(name: string): boolean {
  const [, host, pid] = name.split("@");
  return host === ownedName("", nobody).split("@")[1] && !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  if (pid === nobody) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function isAbandoned(root: string, name: string): Promise<boolean> {
  const changed = await stat(join(root, name)).then(
    (found) => found.mtimeMs,
    () => Number.POSITIVE_INFINITY,
  );
  return Date.now() - changed > abandonedAfterMs;
}

/** False where the source is gone or the target is not empty: someone else was faster. */
async function tryRename(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (lostRace.has((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

const lostRace = new Set(["ENOENT", "ENOTEMPTY", "EEXIST", "EPERM"]);
