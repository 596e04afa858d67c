import { MillraceError } from "@millrace/core";
import type { Checkpoint, LazyTensor } from "./checkpoint.js";
import {
  bytesOfHeader,
  type Llama2cHeader,
  type Llama2cTensor,
  readLlama2cHeader,
  tensorsOf,
} from "./llama2c-header.js";
import { openFile, readAt } from "./read-at.js";

/** An open checkpoint of llama2.c, its tensors under the names that transformers gives them. */
export interface Llama2cFile {
  readonly header: Llama2cHeader;
  readonly checkpoint: Checkpoint;
}

/**
 * Opens a checkpoint as Karpathy's llama2.c exports them in version 0: a header of seven int32, then float32 tensors
 * without names, layer after layer within each kind. @throws E_MODEL_INVALID where the file's size is not what its header says
 */
export async function openLlama2c(path: string, name: string): Promise<Llama2cFile> {
  const handle = await openFile(path);
  try {
    const { size } = await handle.stat();
    const header = readLlama2cHeader(await readAt(handle, 0, Math.min(bytesOfHeader, size)), size);
    if (header === undefined) throw invalid(path, "it is not a llama2.c checkpoint of version 0, or is cut short");
    const tensors = tensorsOf(header);
    const find = (wanted: string) => tensors.get(wanted) ?? tensors.get(wanted.replace(/^model\./, ""));
    const read = async ({ offset, shape }: Llama2cTensor) => {
      const bytes = await readAt(handle, offset, 4 * elements(shape));
      return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    };
    const tensor = (wanted: string, shape: readonly number[]): LazyTensor => {
      const found = find(wanted);
      if (found === undefined) throw invalid(path, `tensor "${wanted}" is missing`);
      if (found.shape.join() !== shape.join())
        throw invalid(path, `tensor "${wanted}" has shape [${found.shape}], not [${shape}]`);
      return { shape, load: () => read(found) };
    };
    const checkpoint: Checkpoint = {
      files: [name],
      parameters: [...tensors.values()].reduce((sum, { shape }) => sum + elements(shape), 0),
      shapeOf: (wanted) => find(wanted)?.shape,
      tensor,
      integers: (wanted) => {
        throw invalid(path, `tensor "${wanted}" is missing`);
      },
      close: () => handle.close(),
    };
    return { header, checkpoint };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function invalid(path: string, why: string): MillraceError {
  return new MillraceError("E_MODEL_INVALID", `cannot read ${path}`, { why });
}
