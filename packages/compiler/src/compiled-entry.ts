import { resolve } from "node:path";
import { type CacheEntry, ensureEntry, findEntry, type NewFile, type StoredFile } from "./cache.js";
import type { Graph } from "./graph/builder.js";
import { encodeGraph } from "./graph/encode.js";
import { encodeWeights, type WeightsFile } from "./graph/weight-files.js";
import { digestModelFiles, type FilesPlace, knownModelFiles, type ModelFile, stampOf } from "./model-files.js";

/** A model's files, and where what is compiled of them is kept. */
export interface CompiledPlace {
  readonly cacheDirectory: string;
  readonly source: FilesPlace;
  /** The entry's key, which follows from the files. */
  readonly keyOf: (files: readonly ModelFile[]) => string;
}

/** What is to be compiled, by its key. */
export interface ToCompile {
  readonly key: string;
  /** Of the files when they were read. */
  readonly stamp: string;
  readonly files: readonly ModelFile[];
}

/** The entry that was compiled of the files as they are, compiled now where there is none. @throws as `ensureEntry` does */
export async function ensureCompiled(
  { source, keyOf, ...place }: CompiledPlace,
  compile: (cacheDirectory: string, what: ToCompile) => Promise<void>,
): Promise<CacheEntry> {
  const cacheDirectory = resolve(place.cacheDirectory);
  const stamp = await stampOf(source);
  const files = await digestModelFiles(cacheDirectory, source, stamp);
  const key = keyOf(files);
  return ensureEntry(cacheDirectory, key, () => compile(cacheDirectory, { key, stamp, files }));
}

/** The same entry where the files are untouched since it was compiled; reads neither weights nor graph. */
export async function findCompiled({ source, keyOf, ...place }: CompiledPlace): Promise<CacheEntry | undefined> {
  const cacheDirectory = resolve(place.cacheDirectory);
  const files = await knownModelFiles(cacheDirectory, await stampOf(source));
  return files && findEntry(cacheDirectory, keyOf(files));
}

/** Files for the weights that lie beside a graph. */
export function newWeights(apart: readonly WeightsFile[]): readonly NewFile[] {
  return apart.map((file) => ({ name: file.name, content: encodeWeights(file) }));
}

/** A graph whose weights lie in files beside it, with the digests that those have since they were written. */
export function encodeBeside(
  graph: Graph,
  version: string,
  { apart, stored }: { readonly apart: readonly WeightsFile[]; readonly stored: readonly StoredFile[] },
): AsyncIterable<Uint8Array> {
  const digests = new Map(stored.map(({ name, sha256 }) => [name, sha256]));
  const written = apart.map((file) => ({ ...file, sha256: digests.get(file.name) ?? "" }));
  return encodeGraph(graph, version, written);
}

/** Passes the pieces on and runs a check after the last. */
export async function* thenCheck(
  pieces: AsyncIterable<Uint8Array>,
  check: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  yield* pieces;
  await check();
}
