import { asMillraceError, MillraceError } from "@millrace/core";
import { type FloatDtype, floatDtypes, isFloatDtype, toFloat32 } from "./dtypes.js";
import { openFile, readAt } from "./read-at.js";
import { damaged, headerLength, parseHeader, type TensorEntry } from "./safetensors-header.js";

/** An open safetensors file whose header has been checked. */
export interface SafetensorsFile {
  readonly path: string;
  /** By name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Reads one tensor into memory of its own. @throws E_SAFETENSORS when the file has become shorter. */
  read(tensor: TensorEntry): Promise<Uint8Array>;
  /** Reads an F32, F16 or BF16 tensor as float32. @throws E_MODEL_UNSUPPORTED when it holds anything else */
  readFloat32(tensor: TensorEntry): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Opens a safetensors file and reads its header; tensors are read one by one on demand.
 * @throws E_SAFETENSORS with file, tensor and numbers when the header is damaged, E_MODEL_INVALID when it cannot be opened.
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const handle = await openFile(path);
  try {
    const { size } = await handle.stat();
    const length = headerLength(await readAt(handle, 0, Math.min(8, size)), size, path);
    const tensors = parseHeader(await readAt(handle, 8, length), size - 8 - length, path);
    const read = async ({ name, start, bytes }: TensorEntry) => {
      const data = await readAt(handle, 8 + length + start, bytes);
      if (data.length === bytes) return data;
      throw damaged(path, `tensor ${JSON.stringify(name)} ends after ${data.length} of ${bytes} bytes`);
    };
    const readFloat32 = async (tensor: TensorEntry) => {
      const dtype = requireFloatDtype(tensor, path);
      return toFloat32(dtype, await read(tensor));
    };
    return { path, tensors, read, readFloat32, close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw asMillraceError(error, "E_SAFETENSORS", `cannot read ${path}`);
  }
}

/** @throws E_MODEL_UNSUPPORTED when the tensor does not hold floats that weights may be stored in */
export function requireFloatDtype({ name, dtype }: TensorEntry, path: string): FloatDtype {
  if (isFloatDtype(dtype)) return dtype;
  const why = `tensor ${JSON.stringify(name)} holds ${dtype}`;
  const fix = `Supported: ${floatDtypes.join(", ")}.`;
  throw new MillraceError("E_MODEL_UNSUPPORTED", `cannot use the weights in ${path}`, { why, fix });
}
