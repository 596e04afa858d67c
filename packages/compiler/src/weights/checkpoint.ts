import { access, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { MillraceError } from "@millrace/core";
import type { LazyBlocks } from "./blocks.js";
import { isFloatDtype } from "./dtypes.js";
import { readSafetensors, requireFloatDtype, type SafetensorsFile } from "./safetensors.js";
import type { TensorEntry } from "./safetensors-header.js";

/** A weight that has been found and whose shape is right; `load` reads it. */
export interface LazyTensor {
  readonly shape: readonly number[];
  readonly load: () => Promise<Float32Array>;
  /** The same values as the file has them, where it has them in blocks of a row. */
  readonly blocks?: LazyBlocks | undefined;
}

/** Whole numbers that have been found, such as an index into the rows of a table. */
export interface LazyIntegers {
  readonly shape: readonly number[];
  readonly load: () => Promise<Int32Array>;
}

/** Weights as an architecture asks for them. */
export interface Weights {
  /** A tensor's shape as the file has it, undefined where there is none of that name. */
  shapeOf(name: string): readonly number[] | undefined;
  /** Finds a tensor of 32 or 64-bit integers. @throws as `tensor` does */
  integers(name: string, shape: readonly number[]): LazyIntegers;
  /**
   * Finds a float tensor. `shape` is what the configuration says it must be.
   * @throws E_MODEL_INVALID when it is missing or has another shape, E_MODEL_UNSUPPORTED when it does not hold floats.
   */
  tensor(name: string, shape: readonly number[]): LazyTensor;
}

/** All tensors of a model directory, in one file or in shards. */
export interface Checkpoint extends Weights {
  /** Names of the files, relative to the directory, the index first. */
  readonly files: readonly string[];
  /** Elements of all float tensors. */
  readonly parameters: number;
  close(): Promise<void>;
}

const singleName = "model.safetensors";
const indexName = "model.safetensors.index.json";

/** Names of the weight files of a model directory. @throws E_MODEL_INVALID when it has none that can be read. */
export async function findWeightFiles(directory: string): Promise<readonly string[]> {
  if (await isThere(join(directory, singleName))) return [singleName];
  if (await isThere(join(directory, indexName))) return [indexName, ...(await readShardNames(directory))];
  const hasPickle = await isThere(join(directory, "pytorch_model.bin"));
  const why = hasPickle
    ? "pytorch_model.bin is a pickle, which runs code when it is read"
    : `neither ${singleName} nor ${indexName} is there`;
  throw new MillraceError("E_MODEL_INVALID", `${directory} has no weights that can be read`, {
    why,
    fix: "Save the model as safetensors.",
  });
}

/** True where a folder has weights in safetensors, in one file or in several. */
export async function hasSafetensors(directory: string): Promise<boolean> {
  return (await isThere(join(directory, singleName))) || (await isThere(join(directory, indexName)));
}

/**
 * Opens every weight file of a folder. Heads other than the bare encoder put the encoder's tensors under a prefix: a tensor
 * is looked for under its own name, then under each of `prefixes`. @throws E_SAFETENSORS, E_MODEL_INVALID
 */
export async function openCheckpoint(directory: string, prefixes: readonly string[]): Promise<Checkpoint> {
  const files = await findWeightFiles(directory);
  const shards: SafetensorsFile[] = [];
  try {
    for (const file of files.filter((name) => name !== indexName))
      shards.push(await readSafetensors(join(directory, file)));
    return makeCheckpoint(files, shards, ["", ...prefixes]);
  } catch (error) {
    await Promise.all(shards.map((shard) => shard.close()));
    throw error;
  }
}

/** Of an encoder whose weights lie in its graph. */
export const noCheckpoint: Checkpoint = makeCheckpoint([], [], []);

interface Located {
  readonly shard: SafetensorsFile;
  readonly entry: TensorEntry;
}

function makeCheckpoint(
  files: readonly string[],
  shards: readonly SafetensorsFile[],
  prefixes: readonly string[],
): Checkpoint {
  const located = new Map<string, Located>();
  for (const shard of shards) {
    for (const [name, entry] of shard.tensors) {
      const other = located.get(name);
      if (other !== undefined) throw invalid(shard.path, `tensor "${name}" is in ${basename(other.shard.path)} too`);
      located.set(name, { shard, entry });
    }
  }
  const first = shards[0]?.path ?? "";
  const seek = (name: string) => {
    const spelling = spellings(name, prefixes).find((candidate) => located.has(candidate));
    return spelling === undefined ? undefined : located.get(spelling);
  };
  const find = (name: string) => {
    const found = seek(name);
    if (found === undefined) throw invalid(first, `tensor "${name}" is missing`);
    return found;
  };
  return {
    files,
    parameters: [...located.values()].reduce(
      (sum, { entry }) => sum + (isFloatDtype(entry.dtype) ? elements(entry) : 0),
      0,
    ),
    tensor: (name, shape) => lazyTensor(find(name), shape),
    integers: (name, shape) => lazyIntegers(find(name), shape),
    shapeOf: (name) => seek(name)?.entry.shape,
    close: async () => {
      await Promise.all(shards.map((shard) => shard.close()));
    },
  };
}

/** TensorFlow's names for a layer norm's weight and bias survive in checkpoints that were converted early. */
function spellings(name: string, prefixes: readonly string[]): readonly string[] {
  const old = name.replace(/LayerNorm\.weight$/, "LayerNorm.gamma").replace(/LayerNorm\.bias$/, "LayerNorm.beta");
  return prefixes.flatMap((prefix) => (old === name ? [prefix + name] : [prefix + name, prefix + old]));
}

function lazyTensor({ shard, entry }: Located, shape: readonly number[]): LazyTensor {
  requireFloatDtype(entry, shard.path);
  requireShape({ shard, entry }, shape);
  return { shape, load: () => shard.readFloat32(entry) };
}

function lazyIntegers({ shard, entry }: Located, shape: readonly number[]): LazyIntegers {
  requireShape({ shard, entry }, shape);
  const { dtype, name } = entry;
  if (dtype !== "I32" && dtype !== "I64") throw invalid(shard.path, `tensor "${name}" holds ${dtype}, not I32 or I64`);
  const load = async () => {
    const { buffer, byteOffset, byteLength } = await shard.read(entry);
    if (dtype === "I32") return new Int32Array(buffer, byteOffset, byteLength / 4);
    return Int32Array.from(new BigInt64Array(buffer, byteOffset, byteLength / 8), Number);
  };
  return { shape, load };
}

function requireShape({ shard, entry }: Located, shape: readonly number[]): void {
  if (entry.shape.length === shape.length && entry.shape.every((size, axis) => size === shape[axis])) return;
  throw invalid(shard.path, `tensor "${entry.name}" has shape [${entry.shape}], config.json says [${shape}]`);
}

function elements({ shape }: TensorEntry): number {
  return shape.reduce((product, size) => product * size, 1);
}

async function readShardNames(directory: string): Promise<readonly string[]> {
  const path = join(directory, indexName);
  const index = await readJson(path);
  const map = typeof index === "object" && index !== null && "weight_map" in index ? index.weight_map : undefined;
  if (typeof map !== "object" || map === null) throw invalid(path, "it has no weight_map");
  const names = [...new Set(Object.values(map) as unknown[])];
  const stranger = names.find((name) => typeof name !== "string" || !/^[\w.-]+\.safetensors$/.test(name));
  if (names.length === 0 || stranger !== undefined)
    throw invalid(path, `its weight_map names ${JSON.stringify(stranger)}, not a safetensors file beside it`);
  return (names as string[]).sort();
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw invalid(path, "it is not JSON", cause);
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function invalid(file: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError("E_MODEL_INVALID", `${file} does not fit the model`, { why, cause });
}
