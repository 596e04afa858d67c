import type { RawTensor } from "./addon.js";
import { invalid } from "./failure.js";

/** Number formats by name, with the typed array that carries each. Half floats travel as 16-bit words. */
export interface TensorArrays {
  readonly float32: Float32Array;
  readonly float16: Uint16Array;
  readonly bfloat16: Uint16Array;
  readonly float64: Float64Array;
  readonly int64: BigInt64Array;
  readonly int32: Int32Array;
  readonly int16: Int16Array;
  readonly int8: Int8Array;
  readonly uint64: BigUint64Array;
  readonly uint32: Uint32Array;
  readonly uint16: Uint16Array;
  readonly uint8: Uint8Array;
  readonly bool: Uint8Array;
}

export type TensorType = keyof TensorArrays;
export type TensorData = TensorArrays[TensorType];

/** Numbers in row-major order. The array may lie in shared memory; what is given is copied before a call returns. */
export interface Tensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

interface Format<Type extends TensorType = TensorType> {
  /** ONNX's number for the type. */
  readonly onnx: number;
  readonly array: {
    new (buffer: ArrayBufferLike, byteOffset: number, length: number): TensorArrays[Type];
    readonly BYTES_PER_ELEMENT: number;
    readonly name: string;
  };
}

const formats: { readonly [Type in TensorType]: Format<Type> } = {
  float32: { onnx: 1, array: Float32Array },
  uint8: { onnx: 2, array: Uint8Array },
  int8: { onnx: 3, array: Int8Array },
  uint16: { onnx: 4, array: Uint16Array },
  int16: { onnx: 5, array: Int16Array },
  int32: { onnx: 6, array: Int32Array },
  int64: { onnx: 7, array: BigInt64Array },
  bool: { onnx: 9, array: Uint8Array },
  float16: { onnx: 10, array: Uint16Array },
  float64: { onnx: 11, array: Float64Array },
  uint32: { onnx: 12, array: Uint32Array },
  uint64: { onnx: 13, array: BigUint64Array },
  bfloat16: { onnx: 16, array: Uint16Array },
};
const types = new Map(Object.entries(formats).map(([type, { onnx }]) => [onnx, type as TensorType]));

/** @throws NATIVE_INVALID_ARGUMENT for what is no type */
export function formatOf<Type extends TensorType>(type: Type): Format<Type> {
  if (!Object.hasOwn(formats, type)) throw invalid(`there is no tensor type ${JSON.stringify(type)}`);
  return formats[type];
}

/** Elements of a tensor with such dimensions. @throws NATIVE_INVALID_ARGUMENT where they are no dimensions */
export function elementsOf(dims: readonly number[]): number {
  const areDimensions = Array.isArray(dims) && dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0);
  const elements = areDimensions ? dims.reduce((product, dim) => product * dim, 1) : Number.NaN;
  if (!Number.isSafeInteger(elements)) throw invalid(`${JSON.stringify(dims)} are no dimensions of a tensor`);
  return elements;
}

/** The bytes of an array that holds a type, in the array's own memory. @throws NATIVE_INVALID_ARGUMENT where it does not */
export function bytesOf(type: TensorType, data: TensorData): Uint8Array {
  const { name } = formatOf(type).array;
  const tag = ArrayBuffer.isView(data) ? data[Symbol.toStringTag] : "";
  // Newer Nodes have an array for what travels as words.
  if (tag !== name && `${type} ${tag}` !== "float16 Float16Array") throw invalid(`${type} is held by ${name}`);
  // A buffer that was given away has no bytes, and cannot even be looked at.
  return data.byteLength === 0 ? new Uint8Array() : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Numbers of a type over the memory of bytes. */
export function arrayOf<Type extends TensorType>(type: Type, bytes: Uint8Array): TensorArrays[Type] {
  const { array } = formatOf(type);
  return new array(bytes.buffer, bytes.byteOffset, bytes.byteLength / array.BYTES_PER_ELEMENT);
}

/** @throws NATIVE_INVALID_ARGUMENT for what is no tensor */
export function toRaw(tensor: Tensor): RawTensor {
  if (typeof tensor !== "object" || tensor === null) throw invalid("a tensor is { type, dims, data }");
  const { type, dims, data } = tensor;
  const { onnx, array } = formatOf(type);
  const bytes = bytesOf(type, data);
  if (elementsOf(dims) * array.BYTES_PER_ELEMENT !== bytes.length) {
    throw invalid(`dimensions ${JSON.stringify(dims)} do not fit ${data.length} elements`);
  }
  return { format: onnx, dims: [...dims], data: bytes };
}

export function fromRaw({ format, dims, data }: RawTensor): Tensor {
  const type = types.get(format) as TensorType;
  return { type, dims, data: arrayOf(type, data) };
}
