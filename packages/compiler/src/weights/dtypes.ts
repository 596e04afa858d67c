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
  const bits = new Uint32Array(halves.length);
  const widen = dtype === "BF16" ? (half: number) => half << 16 : widenHalf;
  for (let index = 0; index < halves.length; index += 1) bits[index] = widen(halves[index] as number);
  return new Float32Array(bits.buffer);
}

/** Bits of the float32 that equals an IEEE 754 half: 1 sign, 5 exponent and 10 fraction bits. */
function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // A subnormal half is a normal float32: shift the leading one out of the fraction and lower the exponent by as much.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/** Largest magnitude of an IEEE 754 half. */
export const largestHalf = 65_504;

/** Bits of the half nearest to each float, ties to the even one; what is beyond the largest half becomes an infinity. */
export function toHalves(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, narrowFloat);
}

function narrowFloat(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65,520 is half-way from the largest half to what would come next.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1);
    return sign | (rounded >>> 13);
  }
  // Below 2⁻²⁵ nothing is left; above it a subnormal half counts multiples of 2⁻²⁴.
  if (magnitude < 0x33000000) return sign;
  const shift = 126 - (magnitude >>> 23);
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const kept = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return sign | (kept + (rest > middle || (rest === middle && (kept & 1) === 1) ? 1 : 0));
}
