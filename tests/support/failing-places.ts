import { execFile } from "node:child_process";
import { chmod, copyFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Runs the task without the superuser's rights, as which no place is read-only. */
export async function asOrdinaryUser<Result>(task: () => Promise<Result>): Promise<Result> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    return await task();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

/**
 * A copy of this Node that an ordinary user may execute: the one at hand may lie in the superuser's home.
 * @returns undefined where the ordinary user cannot run the command line all the same.
 */
export async function nodeForOrdinaryUsers(folder: string): Promise<string | undefined> {
  const node = join(folder, "node");
  await copyFile(process.execPath, node);
  await chmod(node, 0o755);
  const version = [resolve("packages/cli/bin/millrace.js"), "--version"];
  return asOrdinaryUser(() =>
    run(node, version, { cwd: folder }).then(
      () => node,
      () => undefined,
    ),
  );
}

/**
 * Runs the task with a file system of a few megabytes mounted on the folder.
 * @returns false where this machine does not let the test mount one.
 */
export async function onSmallDisk(folder: string, megabytes: number, task: () => Promise<void>): Promise<boolean> {
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0777`, "tmpfs", folder]);
  } catch {
    return false;
  }
  try {
    await task();
  } finally {
    await run("umount", ["-l", folder]);
  }
  return true;
}
