import { bytesOf, type Constant, type Graph, type GraphNode, microsoft } from "../graph/builder.js";
import { nodeOf, pruned, type Wiring, wiringOf } from "./rewrite.js";

/**
 * How the projections to queries, keys and values reach the attention kernel: `apart` as three products, `joined` as one
 * inside the operator Attention, `packed` as one whose result lies head after head, [batch, sequence, heads, 3, width].
 */
export const attentionLayouts = ["joined", "apart", "packed"] as const;
export type AttentionLayout = (typeof attentionLayouts)[number];

/**
 * Puts ONNX Runtime's fused operators in place of the plain ones: attention with its projections, a residual's sum with the
 * layer norm behind it, an activation with the bias before it. `packed` is for GPUs alone: there is no such kernel for a CPU.
 */
export function withFusedKernels(graph: Graph, attention: AttentionLayout): Graph {
  return [withFusedAttention(attention), withFusedNorms, withFusedActivations].reduce(
    (fused, fuse) => pruned(fuse(fused)),
    graph,
  );
}

/** Nodes to stand in a node's place, and constants to go with them. */
interface Replacement {
  readonly nodes: readonly GraphNode[];
  readonly constants?: readonly Constant[];
}

function replaced(graph: Graph, replace: (node: GraphNode, wiring: Wiring) => Replacement | undefined): Graph {
  const wiring = wiringOf(graph);
  const parts = graph.nodes.map((node) => replace(node, wiring) ?? { nodes: [node] });
  return {
    ...graph,
    nodes: parts.flatMap(({ nodes }) => nodes),
    constants: [...graph.constants, ...parts.flatMap(({ constants = [] }) => constants)],
  };
}

const withFusedAttention = (layout: AttentionLayout) => (graph: Graph) =>
  layout === "apart" ? graph : replaced(graph, (node, wiring) => fusedAttention(node, wiring, layout));

function fusedAttention(node: GraphNode, wiring: Wiring, layout: "joined" | "packed"): Replacement | undefined {
  const [query = "", key = "", value = "", bias = "", , scoreBias] = node.inputs;
  const heads = node.attributes.num_heads;
  if (node.op !== "MultiHeadAttention" || heads === undefined || !("int" in heads)) return undefined;
  const projections = [query, key, value].map((product) => projectionOf(product, wiring));
  const states = projections[0]?.states;
  const weights = projections.flatMap((projection) => (projection === undefined ? [] : [projection.weight]));
  const biases = wiring.constant(bias);
  const areAlike = projections.every((projection) => projection?.states === states);
  const areSquare = weights.every(({ shape }) => shape[0] === shape[1] && shape[0] === weights[0]?.shape[0]);
  if (states === undefined || weights.length < 3 || biases === undefined || !areAlike || !areSquare) return undefined;
  const rest = scoreBias === undefined ? [] : ["", "", scoreBias];
  if (layout === "joined") {
    const weight = joined(`${node.name}.weight`, weights);
    const inputs = [states, weight.name, bias, ...rest];
    return { nodes: [{ ...node, op: "Attention", inputs }], constants: [weight] };
  }
  const packing = { heads: heads.int, width: (weights[0]?.shape[0] ?? 0) / heads.int };
  const weight = packed(`${node.name}.weight`, joined("", weights), packing);
  const offset = packed(`${node.name}.offset`, biases, packing);
  const shape = integers(`${node.name}.shape`, [0, 0, packing.heads, 3, packing.width]);
  return {
    nodes: [
      nodeOf(`${node.name}.product`, "MatMul", [states, weight.name]),
      nodeOf(`${node.name}.sum`, "Add", [`${node.name}.product`, offset.name]),
      nodeOf(`${node.name}.packed`, "Reshape", [`${node.name}.sum`, shape.name]),
      { ...node, inputs: [`${node.name}.packed`, ...(scoreBias === undefined ? [] : ["", "", "", "", scoreBias])] },
    ],
    constants: [weight, offset, shape],
  };
}

/** A product of states with a weight that nobody else takes. */
function projectionOf(value: string, { producer, constant, uses }: Wiring) {
  const node = producer(value);
  const weight = constant(node?.inputs[1] ?? "");
  if (node?.op !== "MatMul" || weight === undefined || uses(value) !== 1) return undefined;
  return { states: node.inputs[0], weight };
}

/** Weights [inputs, outputs] side by side. */
function joined(name: string, weights: readonly Constant[]): Constant {
  const rows = weights[0]?.shape[0] ?? 0;
  const widths = weights.map(({ shape }) => shape[1] ?? 0);
  const columns = widths.reduce((sum, width) => sum + width, 0);
  const load = async () => {
    const all = new Float32Array(rows * columns);
    let first = 0;
    for (const [index, weight] of weights.entries()) {
      const values = floats(await weight.load());
      const width = widths[index] as number;
      for (let row = 0; row < rows; row += 1)
        all.set(values.subarray(row * width, (row + 1) * width), row * columns + first);
      first += width;
    }
    return bytesOf(all);
  };
  return { name, type: "float32", shape: [rows, columns], load };
}

/** Columns in the order part, head, float → head, part, float. */
function packed(
  name: string,
  { shape, load }: Constant,
  { heads, width }: { readonly heads: number; readonly width: number },
): Constant {
  const columns = 3 * heads * width;
  const loadPacked = async () => {
    const values = floats(await load());
    const moved = new Float32Array(values.length);
    for (let at = 0; at < values.length; at += width) {
      const [start, column] = [at - (at % columns), at % columns];
      const [part, head] = [Math.floor(column / (heads * width)), Math.floor(column / width) % heads];
      moved.set(values.subarray(at, at + width), start + (head * 3 + part) * width);
    }
    return bytesOf(moved);
  };
  return { name, type: "float32", shape, load: loadPacked };
}

function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

function integers(name: string, values: readonly number[]): Constant {
  const load = async () => bytesOf(BigInt64Array.from(values, BigInt));
  return { name, type: "int64", shape: [values.length], load };
}

const fusedNorms: Readonly<Record<string, string>> = {
  LayerNormalization: "SkipLayerNormalization",
  RMSNormalization: "SkipSimplifiedLayerNormalization",
};

/** The fused norm takes the place of the sum before it, which may be used elsewhere too. */
function withFusedNorms(graph: Graph): Graph {
  const { producer, uses, constant } = wiringOf(graph);
  const normOf = new Map<string, GraphNode>();
  for (const node of graph.nodes) {
    const sum = node.inputs[0] ?? "";
    const isOfSum = fusedNorms[node.op] !== undefined && producer(sum)?.op === "Add";
    if (isOfSum && producer(sum)?.inputs.every((input) => constant(input) === undefined)) normOf.set(sum, node);
  }
  const isFused = new Set(normOf.values());
  return replaced(graph, (node, wiring) => {
    if (isFused.has(node)) return { nodes: [] };
    const norm = normOf.get(node.name);
    return norm && { nodes: [fusedNorm(node, norm, { wiring, isSumUsed: uses(node.name) > 1 })] };
  });
}

function fusedNorm(
  sum: GraphNode,
  norm: GraphNode,
  { wiring, isSumUsed }: { readonly wiring: Wiring; readonly isSumUsed: boolean },
): GraphNode {
  const [first = "", second = ""] = sum.inputs;
  const [biased, residual] = biasOf(first, wiring) === undefined ? [second, first] : [first, second];
  const addend = biasOf(biased, wiring);
  const [, weight = "", bias = ""] = norm.inputs;
  const inputs = [addend?.product ?? biased, residual, weight];
  if (norm.op === "LayerNormalization") inputs.push(bias);
  if (addend !== undefined) inputs.push(addend.bias);
  while (inputs.at(-1) === "") inputs.pop();
  const { epsilon } = norm.attributes;
  return {
    name: norm.name,
    op: fusedNorms[norm.op] ?? norm.op,
    domain: microsoft,
    inputs,
    outputs: isSumUsed ? [...norm.outputs, "", "", sum.name] : norm.outputs,
    attributes: epsilon === undefined ? {} : { epsilon },
  };
}

/** A sum of a product and a constant row that nobody else takes. */
function biasOf(value: string, { producer, constant, uses }: Wiring) {
  const node = producer(value);
  const [product = "", bias = ""] = node?.inputs ?? [];
  const isRow = constant(bias)?.shape.length === 1;
  return node?.op === "Add" && isRow && uses(value) === 1 ? { product, bias } : undefined;
}

function withFusedActivations(graph: Graph): Graph {
  return replaced(graph, (node, wiring) => {
    const addend = node.op === "Gelu" && node.domain === "" ? biasOf(node.inputs[0] ?? "", wiring) : undefined;
    if (addend === undefined) return undefined;
    const { approximate } = node.attributes;
    const isTanh = approximate !== undefined && "string" in approximate && approximate.string === "tanh";
    const inputs = [addend.product, addend.bias];
    return { nodes: [{ ...node, op: isTanh ? "FastGelu" : "BiasGelu", domain: microsoft, inputs, attributes: {} }] };
  });
}
