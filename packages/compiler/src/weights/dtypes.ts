import { fromHalves } from "@millrace/core";

/** Bytes of one element, by the dtype names of safetensors. Types of less than a byte are not among them. */
export const dtypeBytes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  C64: 8,
  I64: 8,
  U64: 8,
  F64: 8,
} as const;
export type Dtype = keyof typeof dtypeBytes;

export function isDtype(name: unknown): name is Dtype {
  return typeof name === "string" && Object.hasOwn(dtypeBytes, name);
}

/** Dtypes that weights may be stored in. */
export const floatDtypes = ["F32", "F16", "BF16", "F64"] as const;
export type FloatDtype = (typeof floatDtypes)[number];

export function isFloatDtype(dtype: Dtype): dtype is FloatDtype {
  return (floatDtypes as readonly Dtype[]).includes(dtype);
}

/** Little-endian stored floats as float32, F64 rounded to it; F32 shares the memory of `bytes`, which must begin at a multiple of 4. */
export function toFloat32(dtype: FloatDtype, bytes: Uint8Array): Float32Array {
  if (dtype === "F32") return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  if (dtype === "F64") return Float32Array.from(new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8));
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  if (dtype === "F16") return fromHalves(halves);
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
}
