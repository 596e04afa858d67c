import { type FileHandle, open } from "node:fs/promises";
import { isAbsolute, join, normalize } from "node:path";
import { MillraceError } from "@millrace/core";
import { bytesOf, type Constant } from "../graph/builder.js";
import { type ElementType, elementBytes, elementTypeName, elementTypeOf } from "../graph/schema.js";
import { invalidOnnx } from "./onnx-error.js";

/** A TensorProto as it was decoded; 64-bit integers are numbers or Longs. */
export interface TensorMessage {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly { toString(): string }[];
  readonly rawData: Uint8Array;
  readonly floatData: readonly number[];
  readonly int32Data: readonly number[];
  readonly int64Data: readonly { toString(): string }[];
  readonly doubleData: readonly number[];
  readonly uint64Data: readonly { toString(): string }[];
  readonly externalData: readonly { readonly key: string; readonly value: string }[];
  readonly dataLocation: number;
}

/** TensorProto.data_location of a tensor that lies in a file of its own. */
const external = 1;

/** Makes an initializer of an ONNX file a constant. `folder` is where the file lies. @throws E_MODEL_INVALID, E_MODEL_UNSUPPORTED */
export function toConstant(tensor: TensorMessage, { file, folder }: { file: string; folder: string }): Constant {
  const { name, dataType } = tensor;
  const type = elementTypeOf(dataType);
  if (type === undefined)
    throw new MillraceError("E_MODEL_UNSUPPORTED", `cannot use ${file}`, {
      why: `tensor "${name}" holds elements of ${elementTypeName(dataType)}`,
      fix: "Export the model with float32, float16 or int8 weights.",
    });
  const shape = tensor.dims.map(Number);
  const bytes = shape.reduce((product, size) => product * size, elementBytes[type]);
  const load = async () => {
    const data =
      tensor.dataLocation === external
        ? await readExternal(tensor, { file, folder, bytes })
        : inlineBytes(tensor, type);
    if (data.length === bytes) return data;
    throw invalidOnnx(file, `tensor "${name}" has ${data.length} bytes, its shape says ${bytes}`);
  };
  return { name, type, shape, load };
}

/** Names of the files that tensors of an ONNX file lie in, relative to its folder. */
export function externalFiles(tensors: readonly TensorMessage[], file: string): readonly string[] {
  const names = tensors
    .filter(({ dataLocation }) => dataLocation === external)
    .map((tensor) => externalPlace(tensor, file).location);
  return [...new Set(names)];
}

function inlineBytes(tensor: TensorMessage, type: ElementType): Uint8Array {
  if (tensor.rawData.length > 0) return tensor.rawData;
  const { floatData, int32Data, int64Data, doubleData, uint64Data } = tensor;
  if (type === "float32") return bytesOf(Float32Array.from(floatData));
  if (type === "float64") return bytesOf(Float64Array.from(doubleData));
  if (type === "int64") return bytesOf(BigInt64Array.from(int64Data, (value) => BigInt(value.toString())));
  if (type === "uint64" || type === "uint32") {
    const values = BigUint64Array.from(uint64Data, (value) => BigInt(value.toString()));
    return type === "uint64" ? bytesOf(values) : bytesOf(Uint32Array.from(values, Number));
  }
  if (elementBytes[type] === 1) return bytesOf(Uint8Array.from(int32Data));
  return elementBytes[type] === 2 ? bytesOf(Uint16Array.from(int32Data)) : bytesOf(Int32Array.from(int32Data));
}

interface ExternalPlace {
  readonly location: string;
  readonly offset: number;
  readonly length: number | undefined;
}

/** A path out of the model's folder could name any file of the machine. */
function externalPlace({ name, externalData }: TensorMessage, file: string): ExternalPlace {
  const facts = new Map(externalData.map(({ key, value }) => [key, value]));
  const location = normalize(facts.get("location") ?? "");
  if (location === "." || isAbsolute(location) || location.startsWith("..") || location.includes("\0"))
    throw invalidOnnx(file, `tensor "${name}" lies in ${JSON.stringify(facts.get("location"))}, not beside the file`);
  const [offset, length] = [facts.get("offset") ?? "0", facts.get("length")].map((text) => text && Number(text));
  return { location, offset: Number(offset), length: length === undefined ? undefined : Number(length) };
}

async function readExternal(
  tensor: TensorMessage,
  { file, folder, bytes }: { readonly file: string; readonly folder: string; readonly bytes: number },
): Promise<Uint8Array> {
  const { location, offset, length = bytes } = externalPlace(tensor, file);
  if (length !== bytes) throw invalidOnnx(file, `tensor "${tensor.name}" has ${length} bytes, its shape says ${bytes}`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(join(folder, location), "r");
    const { buffer, bytesRead } = await handle.read(new Uint8Array(bytes), 0, bytes, offset);
    return buffer.subarray(0, bytesRead);
  } catch (cause) {
    throw invalidOnnx(file, `${location}, which holds tensor "${tensor.name}", cannot be read`, cause);
  } finally {
    await handle?.close();
  }
}
