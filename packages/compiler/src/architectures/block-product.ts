import { bytesOf, type GraphBuilder, microsoft } from "../graph/builder.js";
import { type LazyBlocks, offsetsOf, packedCodes } from "../weights/blocks.js";
import type { LazyTensor } from "../weights/checkpoint.js";

/** A weight [outputs, inputs] in blocks and its name in the graph. */
export interface BlockWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly blocks: LazyBlocks;
}

/** The weight's blocks, where it has them in a way that kernels take. */
export function blockWeight(name: string, { shape, blocks }: LazyTensor): BlockWeight | undefined {
  return blocks !== undefined && (shape[1] ?? 0) % blocks.size === 0 ? { name, shape, blocks } : undefined;
}

export interface BlockProductSpec {
  readonly input: string;
  /** Of the input; 3 by default. */
  readonly rank?: number;
  readonly weight: BlockWeight;
}

/**
 * x · weightᵀ with the weight as it is stored. The kernel takes no minimums but such as undo its speed: they are added by
 * a product of the blocks' means with as many times the minimums as a block has values, which is exact.
 */
export function addBlockProduct(graph: GraphBuilder, output: string, spec: BlockProductSpec): string {
  const { input, weight } = spec;
  const [outputs = 0, inputs = 0] = weight.shape;
  const { blocks } = weight;
  const attributes = {
    K: { int: inputs },
    N: { int: outputs },
    bits: { int: blocks.bits },
    block_size: { int: blocks.size },
    accuracy_level: { int: accuracyLevels[blocks.arithmetic] },
  };
  const name = blocks.hasMinimums ? `${output}.coded` : output;
  const product = graph.node(name, "MatMulNBits", {
    domain: microsoft,
    inputs: [input, addCodes(graph, weight), addScales(graph, `${weight.name}.scales`, weight)],
    attributes,
  });
  if (!blocks.hasMinimums) return product;
  const across = inputs / blocks.size;
  const offsets = graph.constant({
    name: `${weight.name}.offsets`,
    type: "float32",
    shape: [across, outputs],
    load: async () => bytesOf(offsetsOf(await blocks.load(), blocks, outputs)),
  });
  const shift = graph.node(`${output}.offset`, "MatMul", { inputs: [addBlockMeans(graph, spec), offsets] });
  return graph.node(output, "Add", { inputs: [product, shift] });
}

/** The kernel's names for how it multiplies. */
const accuracyLevels = { floats: 0, integers: 4 } as const;

/** Means of an input's blocks, made once for all that multiply it: [.., inputs] → [.., inputs / size]. */
function addBlockMeans(graph: GraphBuilder, { input, rank = 3, weight }: BlockProductSpec): string {
  const { size } = weight.blocks;
  const name = `${input}.means.${size}`;
  if (graph.has(name)) return name;
  const shape = [...new Array(rank - 1).fill(0), (weight.shape[1] ?? 0) / size, size];
  const apart = graph.node(`${input}.blocks.${size}`, "Reshape", {
    inputs: [input, graph.integers(`shape.${shape.join("x")}`, shape)],
  });
  const inputs = [apart, graph.integers("last-axis", [-1])];
  return graph.node(name, "ReduceMean", { inputs, attributes: { keepdims: { int: 0 } } });
}

/** Rows of a table [rows, width] in blocks, without what follows from them in a product: ids [..] → [.., width]. */
export function addBlockRows(graph: GraphBuilder, name: string, ids: string, weight: BlockWeight): string {
  const { shape, blocks } = weight;
  const scales = addScales(graph, `${weight.name}.column-scales`, weight, [1]);
  const rows = graph.node(`${name}.blocks`, "GatherBlockQuantized", {
    domain: microsoft,
    inputs: [addCodes(graph, weight), ids, scales],
    attributes: {
      bits: { int: blocks.bits },
      block_size: { int: blocks.size },
      gather_axis: { int: 0 },
      quantize_axis: { int: 2 },
    },
  });
  const width = [0, 0, shape[1] ?? 0];
  return graph.node(name, "Reshape", { inputs: [rows, graph.integers(`shape.${width.join("x")}`, width)] });
}

/** uint8 [rows, blocks of a row, bytes of a block]. */
function addCodes(graph: GraphBuilder, { name, shape: [rows = 0, columns = 0], blocks }: BlockWeight): string {
  const { bits, size, load } = blocks;
  return graph.constant({
    name: `${name}.codes`,
    type: "uint8",
    shape: [rows, columns / size, (size * bits) / 8],
    load: async () => packedCodes((await load()).codes, bits),
  });
}

/** float32 [rows, blocks of a row, …last]. */
function addScales(
  graph: GraphBuilder,
  name: string,
  { shape: [rows = 0, columns = 0], blocks: { size, load } }: BlockWeight,
  last: readonly number[] = [],
): string {
  const shape = [rows, columns / size, ...last];
  return graph.constant({ name, type: "float32", shape, load: async () => bytesOf((await load()).scales) });
}
