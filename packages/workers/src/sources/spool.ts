import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Source, SourceSpec } from "@millrace/core";
import { spoolError } from "./file-errors.js";
import { fileSource } from "./folder.js";

const spooledKey = "stdin.jsonl";
const spooledName = /^stdin-([0-9a-f]{16})\.jsonl$/;

/**
 * Keeps standard input in `<folder>/stdin-<first 16 hex digits of its sha256>.jsonl`, whole or not at all, and returns
 * the way to open it. Opened, its uri (`<folder>/stdin.jsonl`) and key (`stdin.jsonl`) are the same whatever came in and
 * its version is the digest: the same input again is unchanged, another one is a change of the same object.
 * @throws E_DISK_FULL, E_STORE_READ_ONLY or E_IO
 */
export async function spoolStandardInput(input: AsyncIterable<Uint8Array>, folder: string): Promise<SourceSpec> {
  const partial = join(folder, `.stdin-${randomBytes(8).toString("hex")}.partial`);
  try {
    await mkdir(folder, { recursive: true });
    const { digest, bytes } = await writeDurably(input, partial);
    const location = join(await realpath(folder), `stdin-${digest.slice(0, 16)}.jsonl`);
    // A reader of the same content keeps its file: replacing it would look like a change to it.
    if ((await sizeOf(location)) !== bytes) await rename(partial, location);
    await synchroniseFolder(folder);
    return { location, include: [], exclude: [] };
  } catch (error) {
    throw spoolError(folder, error);
  } finally {
    await unlink(partial).catch(() => undefined);
  }
}

/** The uri that standard input spooled in the folder has, whether or not the folder is there yet. */
export async function spooledUri(folder: string): Promise<string> {
  const path = await realpath(folder).catch(() => resolve(folder));
  return pathToFileURL(join(path, spooledKey)).href;
}

/** The source of a spooled standard input, undefined where the file is not one. */
export function spooledSource(path: string): Source | undefined {
  const digest = spooledName.exec(basename(path))?.[1];
  if (digest === undefined) return undefined;
  const key = spooledKey;
  const uri = pathToFileURL(join(dirname(path), key)).href;
  return fileSource({ uri, path, key, versionOf: () => `sha256-${digest}` });
}

async function writeDurably(
  input: AsyncIterable<Uint8Array>,
  path: string,
): Promise<{ digest: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  const handle = await open(path, "wx", 0o600);
  try {
    for await (const chunk of input) {
      hash.update(chunk);
      bytes += chunk.length;
      await handle.appendFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { digest: hash.digest("hex"), bytes };
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (facts) => facts.size,
    () => -1,
  );
}

async function synchroniseFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
