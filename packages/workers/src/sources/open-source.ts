import { open, opendir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { MillraceError, type Source, type SourceSpec } from "@millrace/core";
import { folderError, isGone } from "./file-errors.js";
import { fileVersion } from "./file-object.js";
import { fileSource, folderSource } from "./folder.js";
import { selectObjects, splitGlob } from "./selection.js";
import { spooledSource } from "./spool.js";

/**
 * Opens a folder, a file, a glob, or a place in S3. A path that exists is taken as it is, even with `*` or `[` in it. The uri is the
 * `file:` URL of the real path, so that links and spellings of one corpus are one; a glob's has the pattern behind it.
 * A glob that matches nothing lists nothing.
 * @throws E_SOURCE_MISSING when there is nothing at the place, or it cannot be read.
 */
export async function openSource(spec: SourceSpec): Promise<Source> {
  if (spec.location.startsWith("s3://")) return (await import("../s3/source.js")).openS3Source(spec);
  const location = resolve(spec.location);
  if (spec.location === "" || spec.location.includes("\0")) throw missing(spec.location, "that is not a path");
  try {
    const path = await realpath(location);
    const facts = await stat(path);
    if (facts.isDirectory()) return await openFolder(path, spec);
    if (facts.isFile()) return await openSingleFile(path);
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    if (!isGone(error)) throw folderError(spec.location, error);
    return openGlob(spec);
  }
  throw missing(spec.location, "it is neither a folder nor a file");
}

async function openFolder(root: string, spec: SourceSpec): Promise<Source> {
  await (await opendir(root)).close();
  return folderSource({ uri: pathToFileURL(root).href, root, selection: selectObjects(spec) });
}

async function openSingleFile(path: string): Promise<Source> {
  await (await open(path)).close();
  const file = { uri: pathToFileURL(path).href, path, key: basename(path), versionOf: fileVersion };
  return spooledSource(path) ?? fileSource(file);
}

async function openGlob(spec: SourceSpec): Promise<Source> {
  const pattern = splitGlob(spec.location);
  if (pattern === undefined) throw missing(spec.location, "there is no such folder or file");
  const { base, glob } = pattern;
  try {
    const root = await realpath(resolve(base));
    await (await opendir(root)).close();
    const uri = pathToFileURL(join(root, glob)).href;
    return folderSource({ uri, root, selection: selectObjects({ ...spec, glob }) });
  } catch (error) {
    if (isGone(error)) throw missing(spec.location, `there is no folder "${base === "" ? dirname(glob) : base}"`);
    throw folderError(base, error);
  }
}

function missing(location: string, why: string): MillraceError {
  return new MillraceError("E_SOURCE_MISSING", `Cannot index "${location}"`, {
    why,
    fix: "Give a folder, a file, a glob in quotes, or - for standard input.",
  });
}
