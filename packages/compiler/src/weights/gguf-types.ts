import type { Blocks, Coding } from "./blocks.js";
import { toFloat32 } from "./dtypes.js";

/** How a GGUF tensor type stores values: as floats, or as blocks of codes. */
export interface GgufType {
  readonly name: string;
  /** Values that are stored together, and the bytes they take. */
  readonly values: number;
  readonly bytes: number;
  readonly float?: "F32" | "F16" | "BF16";
  readonly blocks?: GgufBlocks;
}

export interface GgufBlocks extends Coding {
  /** Takes apart whole stored groups. */
  readonly decode: (bytes: Uint8Array) => Blocks;
}

const float = (name: "F32" | "F16" | "BF16", bytes: number): GgufType => ({ name, values: 1, bytes, float: name });

/** Types that are read, by GGML's numbers for them. */
export const ggufTypes: ReadonlyMap<number, GgufType> = new Map([
  [0, float("F32", 4)],
  [1, float("F16", 2)],
  [30, float("BF16", 2)],
  [2, { name: "Q4_0", values: 32, bytes: 18, blocks: { bits: 4, size: 32, hasMinimums: false, decode: decodeQ4_0 } }],
  [3, { name: "Q4_1", values: 32, bytes: 20, blocks: { bits: 4, size: 32, hasMinimums: true, decode: decodeQ4_1 } }],
  [8, { name: "Q8_0", values: 32, bytes: 34, blocks: { bits: 8, size: 32, hasMinimums: false, decode: decodeQ8_0 } }],
  [12, { name: "Q4_K", values: 256, bytes: 144, blocks: { bits: 4, size: 32, hasMinimums: true, decode: decodeQ4_K } }],
  [
    14,
    { name: "Q6_K", values: 256, bytes: 210, blocks: { bits: 8, size: 16, hasMinimums: false, decode: decodeQ6_K } },
  ],
]);

/** Names of GGML's other types, for what is said of them. */
const otherTypes: Readonly<Record<number, string>> = {
  ...{ 6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 13: "Q5_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS" },
  ...{ 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16" },
  ...{ 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4" },
};

export function ggufTypeName(type: number): string {
  return ggufTypes.get(type)?.name ?? otherTypes[type] ?? `type ${type}`;
}

/** Every half as a number. */
const halfValues = toFloat32("F16", new Uint8Array(Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits).buffer));

/** The half at `at`, as a number. */
function half(bytes: Uint8Array, at: number): number {
  return halfValues[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
}

/** Lower and upper halves of `count` bytes: the lower are the first `count` codes. */
function halves(bytes: Uint8Array, codes: Uint8Array): void {
  for (let index = 0; index < bytes.length; index += 1) {
    codes[index] = (bytes[index] as number) & 15;
    codes[bytes.length + index] = (bytes[index] as number) >> 4;
  }
}

/** A scale (half), then 32 codes of 4 bits less 8. */
function decodeQ4_0(bytes: Uint8Array): Blocks {
  const count = bytes.length / 18;
  const blocks = { codes: new Uint8Array(32 * count), scales: new Float32Array(count) };
  for (let block = 0; block < count; block += 1) {
    const at = block * 18;
    blocks.scales[block] = half(bytes, at);
    halves(bytes.subarray(at + 2, at + 18), blocks.codes.subarray(32 * block, 32 * block + 32));
  }
  return blocks;
}

/** A scale and a minimum (halves), then 32 codes of 4 bits. */
function decodeQ4_1(bytes: Uint8Array): Blocks {
  const count = bytes.length / 20;
  const minimums = new Float32Array(count);
  const blocks = { codes: new Uint8Array(32 * count), scales: new Float32Array(count), minimums };
  for (let block = 0; block < count; block += 1) {
    const at = block * 20;
    blocks.scales[block] = half(bytes, at);
    minimums[block] = half(bytes, at + 2);
    halves(bytes.subarray(at + 4, at + 20), blocks.codes.subarray(32 * block, 32 * block + 32));
  }
  return blocks;
}

/** A scale (half), then 32 signed bytes. */
function decodeQ8_0(bytes: Uint8Array): Blocks {
  const count = bytes.length / 34;
  const blocks = { codes: new Uint8Array(32 * count), scales: new Float32Array(count) };
  for (let block = 0; block < count; block += 1) {
    const at = block * 34;
    blocks.scales[block] = half(bytes, at);
    // A signed byte with its highest bit turned over is the byte plus 128.
    for (let index = 0; index < 32; index += 1)
      blocks.codes[32 * block + index] = (bytes[at + 2 + index] as number) ^ 128;
  }
  return blocks;
}

/**
 * A scale of scales and one of minimums (halves), eight of each in 6 bits, then 256 codes of 4 bits: in turns 32 in lower
 * halves and the next 32 in the upper halves of the same bytes. Minimums are subtracted.
 */
function decodeQ4_K(bytes: Uint8Array): Blocks {
  const count = bytes.length / 144;
  const minimums = new Float32Array(8 * count);
  const blocks = { codes: new Uint8Array(256 * count), scales: new Float32Array(8 * count), minimums };
  for (let group = 0; group < count; group += 1) {
    const at = group * 144;
    const [scale, minimum] = [half(bytes, at), half(bytes, at + 2)];
    const packed = bytes.subarray(at + 4, at + 16);
    for (let part = 0; part < 8; part += 1) {
      const { first, second } = sixBits(packed, part);
      blocks.scales[8 * group + part] = scale * first;
      minimums[8 * group + part] = -minimum * second;
    }
    for (let pair = 0; pair < 4; pair += 1) {
      const from = 256 * group + 64 * pair;
      halves(bytes.subarray(at + 16 + 32 * pair, at + 48 + 32 * pair), blocks.codes.subarray(from, from + 64));
    }
  }
  return blocks;
}

/** The scale and the minimum of a part, of twelve bytes that hold eight of each in 6 bits. */
function sixBits(packed: Uint8Array, part: number): { readonly first: number; readonly second: number } {
  const byte = (index: number) => packed[index] as number;
  if (part < 4) return { first: byte(part) & 63, second: byte(part + 4) & 63 };
  const [low, first, second] = [byte(part + 4), byte(part - 4), byte(part)];
  return { first: (low & 15) | ((first >> 6) << 4), second: (low >> 4) | ((second >> 6) << 4) };
}

/**
 * 256 codes of 6 bits less 32, the lower four bits first, then the upper two; 16 signed scales of 16 codes each, and their
 * scale (half). In each half of 128, the lower bits of codes 0 to 63 lie in the lower halves of 64 bytes, those of 64 to
 * 127 in the upper; the upper bits of codes 32 apart share a byte.
 */
function decodeQ6_K(bytes: Uint8Array): Blocks {
  const count = bytes.length / 210;
  const blocks = { codes: new Uint8Array(256 * count), scales: new Float32Array(16 * count) };
  for (let group = 0; group < count; group += 1) {
    const at = group * 210;
    const scale = half(bytes, at + 208);
    for (let part = 0; part < 16; part += 1)
      blocks.scales[16 * group + part] = scale * (((bytes[at + 192 + part] as number) << 24) >> 24);
    for (let index = 0; index < 256; index += 1) {
      const [side, within] = [index >> 7, index & 127];
      const low = (bytes[at + 64 * side + (within & 63)] as number) >> (within < 64 ? 0 : 4);
      const high = (bytes[at + 128 + 32 * side + (within & 31)] as number) >> (2 * (within >> 5));
      // 128 is the middle of 8 bits, 32 that of 6.
      blocks.codes[256 * group + index] = ((low & 15) | ((high & 3) << 4)) - 32 + 128;
    }
  }
  return blocks;
}
