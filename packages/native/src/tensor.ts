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
