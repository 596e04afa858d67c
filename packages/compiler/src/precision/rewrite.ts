import type { Constant, Graph, GraphNode } from "../graph/builder.js";

/** Where each value of a graph comes from, and how often it is used. */
export interface Wiring {
  producer(value: string): GraphNode | undefined;
  constant(value: string): Constant | undefined;
  /** Inputs of nodes, and outputs of the graph, that are this value. */
  uses(value: string): number;
}

export function wiringOf({ nodes, constants, outputs, states }: Graph): Wiring {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const named = new Map(constants.map((constant) => [constant.name, constant]));
  const uses = new Map<string, number>();
  const use = (value: string) => uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const { inputs } of nodes) inputs.forEach(use);
  for (const { name } of outputs) use(name);
  // The states are cut out of the graph by their name.
  use(states);
  return {
    producer: (value) => producers.get(value),
    constant: (value) => named.get(value),
    uses: (value) => uses.get(value) ?? 0,
  };
}

/** The graph less the nodes and constants that none of its outputs needs. */
export function pruned(graph: Graph): Graph {
  const needed = new Set([...graph.outputs.map(({ name }) => name), graph.states]);
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    for (const input of node.inputs) needed.add(input);
    nodes.push(node);
  }
  return { ...graph, nodes: nodes.reverse(), constants: graph.constants.filter(({ name }) => needed.has(name)) };
}

/** A node of ONNX's own domain with one output, which has its name. */
export function nodeOf(
  name: string,
  op: string,
  inputs: readonly string[],
  attributes: GraphNode["attributes"] = {},
): GraphNode {
  return { name, op, domain: "", inputs, outputs: [name], attributes };
}
