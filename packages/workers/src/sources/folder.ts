import type { BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type CorpusObject, compareKeys, MillraceError, type Source } from "@millrace/core";
import { fileError, isGone } from "./file-errors.js";
import { fileVersion, openFile } from "./file-object.js";
import type { Selection } from "./selection.js";
import { type WalkedEntry, walkFiles } from "./walk.js";

/** Version of an entry whose name is not UTF-8: no key can say it, so opening it is an error. */
const unnamed = "unnamed";

/** The files below a folder that a selection takes. `root` is absolute and free of links. */
export function folderSource({ uri, root, selection }: { uri: string; root: string; selection: Selection }): Source {
  return {
    uri,
    async *list(after) {
      for await (const entries of inGroups(walkFiles({ root, selection, after }))) {
        const objects = await Promise.all(entries.map((entry) => listedObject(root, entry)));
        for (const object of objects) if (object !== undefined) yield object;
      }
    },
    async open(object) {
      if (object.version === unnamed) throw unnamedError(object.key);
      return openFile({ path: pathBelow(root, object.key), object, versionOf: fileVersion });
    },
  };
}

/** One file as a corpus of its own: its key is its name, whatever its extension. */
export function fileSource(file: FileOfSource): Source {
  return {
    uri: file.uri,
    async *list(after) {
      if (after !== undefined && compareKeys(file.key, after) <= 0) return;
      const facts = await factsOf(file.path, file.key);
      if (facts === undefined) return;
      const { size, mtimeMs } = facts;
      yield { key: file.key, version: file.versionOf(facts), bytes: Number(size), modified: Number(mtimeMs) };
    },
    open: (object) => openFile({ path: file.path, object, versionOf: file.versionOf }),
  };
}

/** The one file of a source, with the key and the version it is listed under. */
export interface FileOfSource {
  readonly uri: string;
  readonly path: string;
  readonly key: string;
  versionOf(facts: BigIntStats): string;
}

/** Files whose facts are asked for at once: a network file system answers many as fast as one. */
const groupSize = 32;

async function* inGroups(walked: AsyncIterable<WalkedEntry>): AsyncGenerator<readonly WalkedEntry[]> {
  let group: WalkedEntry[] = [];
  for await (const entry of walked) {
    group.push(entry);
    if (group.length < groupSize) continue;
    yield group;
    group = [];
  }
  yield group;
}

async function listedObject(root: string, { key, isNamed }: WalkedEntry): Promise<CorpusObject | undefined> {
  if (!isNamed) return { key, version: unnamed, bytes: 0 };
  const facts = await factsOf(join(root, key), key);
  return facts && { key, version: fileVersion(facts), bytes: Number(facts.size), modified: Number(facts.mtimeMs) };
}

/** Undefined where the file went away since its folder was listed. */
async function factsOf(path: string, key: string): Promise<BigIntStats | undefined> {
  try {
    const facts = await stat(path, { bigint: true });
    return facts.isFile() ? facts : undefined;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw fileError(key, error);
  }
}

function pathBelow(root: string, key: string): string {
  if (key === "" || key.startsWith("/") || key.includes("\0") || key.split("/").includes("..")) {
    throw new MillraceError("E_OBJECT_UNREADABLE", `"${key}" is not a path below "${root}"`);
  }
  return join(root, key);
}

function unnamedError(key: string): MillraceError {
  return new MillraceError("E_OBJECT_UNREADABLE", `Cannot read "${key}"`, {
    why: "its name is not valid UTF-8, so nothing can refer to it",
    fix: "Rename it, or exclude it.",
  });
}
