import { largestHalf, MillraceError, toHalves } from "@millrace/core";
import { bytesOf, type Constant, type Graph, type GraphNode } from "../graph/builder.js";
import { elementTypes } from "../graph/schema.js";
import { nodeOf } from "./rewrite.js";

/**
 * The encoder's weights and states in float16, the head in float32. Kernels accumulate products, layer norms and softmax in
 * float32 by themselves; pooling adds up hundreds of states, so it must be told to.
 */
export function inHalfPrecision(graph: Graph): Graph {
  const { states } = graph;
  const encoder = nodesBehind(graph, states);
  const ofEncoder = new Set(encoder.flatMap((node) => node.inputs));
  const head = graph.nodes.filter((node) => !encoder.includes(node));
  const ofHead = new Set(head.flatMap((node) => node.inputs));
  const halves = new Map(
    graph.constants
      .filter(({ name, type }) => type === "float32" && ofEncoder.has(name))
      .map((constant) => [constant.name, ofHead.has(constant.name) ? `${constant.name}.half` : constant.name]),
  );
  const constants = graph.constants.flatMap((constant) => {
    const name = halves.get(constant.name);
    if (name === undefined) return [constant];
    const half = inHalf(constant, name);
    return name === constant.name ? [half] : [constant, half];
  });
  const wide = `${states}.float`;
  const inputsWith = (node: GraphNode, other: (input: string) => string) => ({
    ...node,
    inputs: node.inputs.map(other),
  });
  const nodes = [
    ...encoder.map((node) => inputsWith(narrowed(node), (input) => halves.get(input) ?? input)),
    nodeOf(wide, "Cast", [states], { to: { int: elementTypes.float32 } }),
    ...head.map((node) => inputsWith(node, (input) => (input === states ? wide : input))),
  ];
  return { ...graph, nodes, constants };
}

/** All nodes that a value is computed from, in their order. */
function nodesBehind({ nodes }: Graph, value: string): readonly GraphNode[] {
  const needed = new Set([value]);
  const found: GraphNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    for (const input of node.inputs) needed.add(input);
    found.push(node);
  }
  return found.reverse();
}

function narrowed(node: GraphNode): GraphNode {
  const { to } = node.attributes;
  const isToFloat = node.op === "Cast" && to !== undefined && "int" in to && to.int === elementTypes.float32;
  return isToFloat ? { ...node, attributes: { ...node.attributes, to: { int: elementTypes.float16 } } } : node;
}

function inHalf({ name: source, shape, load }: Constant, name: string): Constant {
  return {
    name,
    type: "float16",
    shape,
    load: async () => {
      const { buffer, byteOffset, byteLength } = await load();
      const values = new Float32Array(buffer, byteOffset, byteLength / 4);
      return bytesOf(toHalves(shape.length === 0 ? values.map(clamped) : requireHalves(values, source)));
    },
  };
}

/** A single number, such as "lowest score there is", stands for itself as well as it can. */
function clamped(value: number): number {
  return Math.max(-largestHalf, Math.min(largestHalf, value));
}

/** @throws E_MODEL_UNSUPPORTED where a weight would become an infinity */
function requireHalves(values: Float32Array, name: string): Float32Array {
  const worst = values.find((value) => Math.abs(value) > largestHalf);
  if (worst === undefined) return values;
  throw new MillraceError("E_MODEL_UNSUPPORTED", "the model cannot be computed in fp16", {
    why: `${name} holds ${worst}, and float16 ends at ${largestHalf}`,
    fix: "Use --precision fp32 on a CPU.",
  });
}
