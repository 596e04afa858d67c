import type { FileHandle } from "node:fs/promises";
import { MillraceError } from "@millrace/core";
import { type Blocks, valuesOf } from "./blocks.js";
import type { Checkpoint, LazyTensor } from "./checkpoint.js";
import { toFloat32 } from "./dtypes.js";
import { type GgufHeader, type GgufTensor, readGgufHeader } from "./gguf-header.js";
import { type GgufType, ggufTypeName, ggufTypes } from "./gguf-types.js";
import { openFile, readAt } from "./read-at.js";

/** Where to find a tensor and what to call it. */
export interface GgufPlace {
  readonly path: string;
  /** The file's name relative to the model's directory. */
  readonly name: string;
  /** GGUF's name for the tensor that transformers calls so. */
  readonly nameOf: (tensor: string) => string;
}

/** Reads a GGUF file's header. @throws E_MODEL_INVALID */
export async function readGguf(path: string): Promise<GgufHeader> {
  const handle = await openFile(path);
  try {
    return await readHeader(handle, path);
  } finally {
    await handle.close();
  }
}

/** Opens a GGUF file's tensors. @throws E_MODEL_INVALID */
export async function openGguf({ path, name, nameOf }: GgufPlace): Promise<Checkpoint> {
  const handle = await openFile(path);
  try {
    const { tensors } = await readHeader(handle, path);
    const find = (wanted: string) => {
      const found = tensors.get(nameOf(wanted));
      if (found !== undefined) return found;
      throw invalid(path, `tensor "${nameOf(wanted)}" is missing`);
    };
    const latest = new Latest();
    return {
      files: [name],
      parameters: [...tensors.values()].reduce((sum, { shape }) => sum + elements(shape), 0),
      shapeOf: (wanted) => tensors.get(nameOf(wanted))?.shape,
      tensor: (wanted, shape) => lazyTensor({ handle, path, latest }, requireShape(path, find(wanted), shape)),
      integers: (wanted) => {
        throw invalid(path, `tensor "${nameOf(wanted)}" does not hold integers`);
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Most headers, whose tokenizers are the largest part, are shorter. */
const usualHeaderBytes = 2 ** 23;

async function readHeader(handle: FileHandle, path: string): Promise<GgufHeader> {
  const { size } = await handle.stat();
  for (let length = usualHeaderBytes; ; length *= 4) {
    const header = readGgufHeader(await readAt(handle, 0, Math.min(length, size)), path);
    if (header !== undefined) return header;
    if (length >= size) throw invalid(path, "it ends in the middle of its header");
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly path: string;
  readonly latest: Latest;
}

/** Keeps what was made last: a tensor's codes, scales and minimums are asked for one after another. */
class Latest {
  #name = "";
  #blocks: Promise<Blocks> | undefined;

  of(name: string, make: () => Promise<Blocks>): Promise<Blocks> {
    if (name !== this.#name || this.#blocks === undefined) [this.#name, this.#blocks] = [name, make()];
    return this.#blocks;
  }
}

function lazyTensor({ handle, path, latest }: OpenFile, { name, type, shape, start }: GgufTensor): LazyTensor {
  const kind = ggufTypes.get(type);
  if (kind === undefined) throw unsupported(path, name, type);
  const [length, { blocks }] = [storedBytes(kind, shape), kind];
  if ((shape.at(-1) ?? 1) % kind.values !== 0)
    throw invalid(
      path,
      `tensor "${name}" of ${kind.name} has rows of ${shape.at(-1)} values, no multiple of ${kind.values}`,
    );
  const read = async () => {
    const bytes = await readAt(handle, start, length);
    if (bytes.length === length) return bytes;
    throw invalid(path, `tensor "${name}" ends after ${bytes.length} of ${length} bytes`);
  };
  if (blocks === undefined) return { shape, load: async () => toFloat32(kind.float ?? "F32", await read()) };
  const { decode, ...coding } = blocks;
  const load = () => latest.of(name, async () => decode(await read()));
  return { shape, load: async () => valuesOf(await load(), coding), blocks: { ...coding, arithmetic: "floats", load } };
}

function storedBytes({ values, bytes }: GgufType, shape: readonly number[]): number {
  return (elements(shape) / values) * bytes;
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function requireShape(path: string, tensor: GgufTensor, shape: readonly number[]): GgufTensor {
  if (tensor.shape.join() === shape.join()) return tensor;
  throw invalid(path, `tensor "${tensor.name}" has shape [${tensor.shape}], its metadata says [${shape}]`);
}

function unsupported(path: string, tensor: string, type: number): MillraceError {
  const why = `tensor "${tensor}" is stored as ${ggufTypeName(type)}`;
  const fix = `Choose a file with these types alone: ${[...ggufTypes.values()].map(({ name }) => name).join(", ")}.`;
  return new MillraceError("E_MODEL_UNSUPPORTED", `cannot use the weights in ${path}`, { why, fix });
}

function invalid(path: string, why: string): MillraceError {
  return new MillraceError("E_MODEL_INVALID", `cannot read ${path}`, { why });
}
