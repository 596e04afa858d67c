import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";
import { compareKeys } from "@millrace/core";
import { folderError, isGone } from "./file-errors.js";
import type { Selection } from "./selection.js";

/** A file below the root, or a name that cannot be told in a key: `isNamed` is false and the key has U+FFFD in it. */
export interface WalkedEntry {
  readonly key: string;
  readonly isNamed: boolean;
}

/** What to list. */
export interface Walk {
  readonly root: string;
  readonly selection: Selection;
  /** Only keys strictly after this one. */
  readonly after: string | undefined;
}

/**
 * Files below the root in `compareKeys` order. Folders whose keys all lie at or before `after` are not listed.
 * Links to files are followed, links to folders are not; what is neither file nor folder is left out.
 * @throws E_SOURCE_MISSING when a folder cannot be listed: its documents must not seem to have vanished.
 */
export async function* walkFiles(walk: Walk, folder = ""): AsyncGenerator<WalkedEntry> {
  for (const entry of await orderedEntries(walk, folder)) {
    if (!isAfter(entry, walk.after)) continue;
    if (entry.kind === "folder" && entry.isNamed) {
      if (walk.selection.entersFolder(entry.path)) yield* walkFiles(walk, entry.path);
    } else if (entry.kind === "folder") {
      if (walk.selection.entersFolder(entry.path)) yield { key: entry.sortKey, isNamed: false };
    } else if (walk.selection.takesFile(entry.path) && (await isFile(walk.root, entry))) {
      yield { key: entry.path, isNamed: entry.isNamed };
    }
  }
}

interface Entry {
  readonly path: string;
  readonly kind: "file" | "folder" | "link";
  /** The path, with `/` behind a folder's: "a.md" comes before "a/b.md", and both before "a0". */
  readonly sortKey: string;
  readonly isNamed: boolean;
}

async function orderedEntries(walk: Walk, folder: string): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  try {
    // Names come as bytes: one that is not UTF-8 would otherwise be listed under a name nobody can open.
    const listing = await opendir(join(walk.root, folder), { encoding: "buffer" as BufferEncoding });
    for await (const dirent of listing) {
      const entry = entryOf(folder, dirent as unknown as Dirent<Buffer>);
      if (entry !== undefined) entries.push(entry);
    }
  } catch (error) {
    if (folder !== "" && isGone(error)) return [];
    throw folderError(folder === "" ? walk.root : folder, error);
  }
  entries.sort(
    (left, right) => compareKeys(left.sortKey, right.sortKey) || Number(right.isNamed) - Number(left.isNamed),
  );
  return entries.filter((entry, index) => entry.sortKey !== entries[index - 1]?.sortKey);
}

function entryOf(folder: string, dirent: Dirent<Buffer>): Entry | undefined {
  const name = dirent.name.toString("utf8");
  const path = folder === "" ? name : `${folder}/${name}`;
  const isNamed = isUtf8(dirent.name);
  if (dirent.isDirectory()) return { path, kind: "folder", sortKey: `${path}/`, isNamed };
  if (dirent.isSymbolicLink()) return { path, kind: "link", sortKey: path, isNamed };
  return dirent.isFile() ? { path, kind: "file", sortKey: path, isNamed } : undefined;
}

function isAfter({ kind, sortKey }: Entry, after: string | undefined): boolean {
  if (after === undefined || compareKeys(sortKey, after) > 0) return true;
  return kind === "folder" && after.startsWith(sortKey) && after !== sortKey;
}

async function isFile(root: string, entry: Entry): Promise<boolean> {
  if (entry.kind === "file" || !entry.isNamed) return entry.kind === "file";
  try {
    return (await stat(join(root, entry.path))).isFile();
  } catch {
    return false;
  }
}
