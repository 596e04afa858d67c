/**
 * A matrix [rows, columns] whose rows are cut into blocks of equally many columns. A value is scale · (code − middle), or
 * scale · code + minimum where there are minimums; middle is half of all codes, 8 or 128.
 */
export interface Blocks {
  /** One for each value. */
  readonly codes: Uint8Array;
  /** One for each block. */
  readonly scales: Float32Array;
  readonly minimums?: Float32Array;
}

/** How the values of a matrix in blocks are coded, and what reads them. */
export interface LazyBlocks {
  readonly bits: BlockBits;
  /** Values in a block. */
  readonly size: number;
  readonly hasMinimums: boolean;
  /** Whether what is multiplied with them stays as it is, or is rounded to integers of 8 bits, a scale for each block. */
  readonly arithmetic: "floats" | "integers";
  readonly load: () => Promise<Blocks>;
}

/** How values are coded, without who reads them. */
export type Coding = Pick<LazyBlocks, "bits" | "size" | "hasMinimums">;

export type BlockBits = 4 | 8;

/** Matrices of equally many columns one below the other, where all are coded alike and read by the same arithmetic. */
export function stackedBlocks(matrices: readonly (LazyBlocks | undefined)[]): LazyBlocks | undefined {
  const [first] = matrices;
  const present = matrices.filter((blocks) => blocks !== undefined);
  if (first === undefined || present.length < matrices.length) return undefined;
  const { load: _, ...coding } = first;
  const aspects = Object.keys(coding) as (keyof typeof coding)[];
  if (present.some((blocks) => aspects.some((aspect) => blocks[aspect] !== first[aspect]))) return undefined;
  const load = async (): Promise<Blocks> => {
    const parts: Blocks[] = [];
    for (const blocks of present) parts.push(await blocks.load());
    return {
      codes: Buffer.concat(parts.map(({ codes }) => codes)),
      scales: joinedFloats(parts.map(({ scales }) => scales)),
      ...(first.hasMinimums && { minimums: joinedFloats(parts.flatMap(({ minimums }) => minimums ?? [])) }),
    };
  };
  return { ...coding, load };
}

export function joinedFloats(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Of codes that stand for 0 where there are no minimums. */
export function middleOf(bits: BlockBits): number {
  return 2 ** (bits - 1);
}

/** The values of blocks, each step rounded to float32. */
export function valuesOf({ codes, scales, minimums }: Blocks, { bits, size }: Coding): Float32Array {
  const values = new Float32Array(codes.length);
  const middle = minimums === undefined ? middleOf(bits) : 0;
  for (let block = 0; block < scales.length; block += 1) {
    const [scale, minimum] = [scales[block] as number, minimums?.[block] ?? 0];
    for (let at = block * size; at < (block + 1) * size; at += 1)
      values[at] = Math.fround(scale * ((codes[at] as number) - middle)) + minimum;
  }
  return values;
}

/** Codes as kernels want them: two of 4 bits in a byte, the first in its lower half. */
export function packedCodes(codes: Uint8Array, bits: BlockBits): Uint8Array {
  if (bits === 8) return codes;
  const packed = new Uint8Array(codes.length / 2);
  for (let index = 0; index < packed.length; index += 1)
    packed[index] = (codes[2 * index] as number) | ((codes[2 * index + 1] as number) << 4);
  return packed;
}

/**
 * Adds to what codes mean without minimums what they mean with them, minimum + middle · scale, for all values of a block
 * together: [blocks of a row, rows].
 */
export function offsetsOf({ scales, minimums }: Blocks, { bits, size }: Coding, rows: number): Float32Array {
  const offsets = new Float32Array(scales.length);
  const across = scales.length / rows;
  for (let block = 0; block < scales.length; block += 1) {
    const place = (block % across) * rows + Math.floor(block / across);
    offsets[place] = size * ((minimums?.[block] ?? 0) + middleOf(bits) * (scales[block] as number));
  }
  return offsets;
}

/**
 * Rounds values to blocks without minimums. The value of largest magnitude becomes the lowest code, as in GGML's Q4_0: of
 * an even number of codes there is one more below the middle than above.
 */
export function toBlocks(values: Float32Array, { bits, size }: Omit<Coding, "hasMinimums">): Blocks {
  const codes = new Uint8Array(values.length);
  const scales = new Float32Array(values.length / size);
  const middle = middleOf(bits);
  for (let block = 0; block < scales.length; block += 1) {
    const part = values.subarray(block * size, (block + 1) * size);
    const extreme = part.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    const scale = Math.fround(extreme / -middle);
    scales[block] = scale;
    const factor = scale === 0 ? 0 : 1 / scale;
    for (const [index, value] of part.entries())
      codes[block * size + index] = Math.min(2 * middle - 1, Math.max(0, Math.round(value * factor) + middle));
  }
  return { codes, scales };
}
