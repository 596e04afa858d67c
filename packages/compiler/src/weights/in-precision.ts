import { type BlockBits, type LazyBlocks, toBlocks } from "./blocks.js";
import type { LazyTensor, Weights } from "./checkpoint.js";

/**
 * Number formats of a generator's weights. `auto` and `fp32` multiply floats with just the values that the file has:
 * - `auto` keeps blocks of 4 bits as they are, and makes fp32 of everything else;
 * - `fp32` makes fp32 of everything: fastest for many rows at once, and largest;
 * - `int8` keeps all blocks, makes blocks of 8 bits of floats, and rounds what is multiplied with them to 8 bits: fastest
 *   for few rows;
 * - `int4` is the same but for the weights of layers, which get 4 bits: smallest, and least exact.
 */
export const generatorPrecisions = ["auto", "fp32", "int8", "int4"] as const;
export type GeneratorPrecision = (typeof generatorPrecisions)[number];

/** The weights as a precision has them. */
export function inPrecision(weights: Weights, precision: GeneratorPrecision): Weights {
  const tensor = (name: string, shape: readonly number[]): LazyTensor => {
    const { blocks, ...floats } = weights.tensor(name, shape);
    if (precision === "int8" || precision === "int4")
      return { ...floats, blocks: rounded({ name, ...floats, blocks }, precision === "int4" ? 4 : 8) };
    // The kernel makes floats of all weights of 8 bits in every run where it is not to round.
    return precision === "auto" && blocks?.bits === 4 ? { ...floats, blocks } : floats;
  };
  return { shapeOf: (name) => weights.shapeOf(name), integers: (name, shape) => weights.integers(name, shape), tensor };
}

/** Values of a block that is made of floats, as many as in most GGUF types. */
const blockSize = 32;

/** Tables whose rows are added to states, never multiplied with them. */
const addedTables = /position|wpe|relative/;
/** Tables of words, and heads, of which each error is seen at once. */
const wordTables = /embed|wte|shared|lm_head/;

interface NamedTensor extends LazyTensor {
  readonly name: string;
}

function rounded({ name, shape, load, blocks }: NamedTensor, bits: BlockBits): LazyBlocks | undefined {
  if (blocks !== undefined) return { ...blocks, arithmetic: "integers" };
  if (shape.length !== 2 || (shape[1] ?? 0) % blockSize !== 0 || addedTables.test(name)) return undefined;
  const coding = { bits: wordTables.test(name) ? 8 : bits, size: blockSize, hasMinimums: false } as const;
  return { ...coding, arithmetic: "integers", load: async () => toBlocks(await load(), coding) };
}
