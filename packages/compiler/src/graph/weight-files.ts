import { MillraceError } from "@millrace/core";
import type { Constant, Graph } from "./builder.js";
import { elementBytes } from "./schema.js";

/** A file beside a graph that is too large for one: tensors one after another, each from a multiple of 64 bytes on. */
export interface WeightsFile {
  readonly name: string;
  readonly tensors: readonly PlacedTensor[];
}

interface PlacedTensor {
  readonly constant: Constant;
  /** Bytes before it. */
  readonly offset: number;
  readonly bytes: number;
}

/** An ONNX file is one protobuf message, which ends at 2 GiB; what is not weights takes a few MiB. */
export const graphBytesLimit = 2 ** 31 - 2 ** 24;
/** Most bytes of one file, unless one tensor alone is larger. */
const fileBytesLimit = 2 ** 30;
/** Smaller tensors, such as shapes, stay in the graph, where the optimiser reads them. */
const leastBytes = 4096;
const alignment = 64;

/** Files for the weights of a graph of more than `limit` bytes; none where all fits into the graph's own. */
export function planWeightFiles({ constants }: Graph, limit: number): readonly WeightsFile[] {
  if (constants.reduce((sum, constant) => sum + byteLength(constant), 0) <= limit) return [];
  const fileBytes = Math.min(limit, fileBytesLimit);
  const files: PlacedTensor[][] = [];
  let end = 0;
  for (const constant of constants) {
    const bytes = byteLength(constant);
    if (bytes < leastBytes) continue;
    if (files.length === 0 || end + bytes > fileBytes) {
      files.push([]);
      end = 0;
    }
    files.at(-1)?.push({ constant, offset: end, bytes });
    end = Math.ceil((end + bytes) / alignment) * alignment;
  }
  return files.map((tensors, index) => ({ name: `weights-${index + 1}.bin`, tensors }));
}

/** Writes a file's tensors, loading one at a time. */
export async function* encodeWeights({ tensors }: WeightsFile): AsyncGenerator<Uint8Array> {
  let end = 0;
  for (const { constant, offset, bytes } of tensors) {
    if (offset > end) yield new Uint8Array(offset - end);
    yield await loadExactly(constant);
    end = offset + bytes;
  }
}

/** Bytes of a constant's elements. */
export function byteLength({ type, shape }: Constant): number {
  return shape.reduce((product, size) => product * size, elementBytes[type]);
}

/** Loads a constant's elements. @throws E_INTERNAL when they are not as many as its shape says */
export async function loadExactly(constant: Constant): Promise<Uint8Array> {
  const bytes = await constant.load();
  if (bytes.length === byteLength(constant)) return bytes;
  const why = `${constant.name} loaded ${bytes.length} bytes, its shape says ${byteLength(constant)}`;
  throw new MillraceError("E_INTERNAL", "cannot write the graph", { why });
}
