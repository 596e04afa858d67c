import type { Constant, Graph, GraphNode } from "../graph/builder.js";

/** A product with a weight that lies in the graph, of whatever architecture: what quantisation is about. */
export interface Linear {
  /** Of the product's node. */
  readonly name: string;
  /** The value that is multiplied: [.., inputs]. */
  readonly input: string;
  /** float32 [inputs, outputs]. */
  readonly weight: Constant;
  /** float32 [outputs], where a bias is added to the product at once. */
  readonly bias?: Constant;
  /** The value others read: [.., outputs]. */
  readonly output: string;
  /** The nodes that compute `output` from `input`, in order. */
  readonly nodes: readonly GraphNode[];
}

/** Who makes a value, and who reads it. */
export interface GraphLinks {
  readonly producers: ReadonlyMap<string, GraphNode>;
  readonly consumers: ReadonlyMap<string, readonly GraphNode[]>;
  /** Values that a run returns. */
  readonly outputs: ReadonlySet<string>;
}

export function linksOf({ nodes, outputs }: Graph): GraphLinks {
  const producers = new Map<string, GraphNode>();
  const consumers = new Map<string, GraphNode[]>();
  for (const node of nodes) {
    for (const output of node.outputs) producers.set(output, node);
    for (const input of new Set(node.inputs)) consumers.set(input, [...(consumers.get(input) ?? []), node]);
  }
  return { producers, consumers, outputs: new Set(outputs.map(({ name }) => name)) };
}

/** Finds the linears of a graph, in the order of execution. Weights that several nodes read are left as they are. */
export function findLinears(graph: Graph, { consumers, outputs }: GraphLinks): readonly Linear[] {
  const constants = new Map(
    graph.constants
      .filter(({ name }) => consumers.get(name)?.length === 1)
      .map((constant) => [constant.name, constant]),
  );
  return graph.nodes.flatMap((product): readonly Linear[] => {
    const [input = "", weightName = ""] = product.inputs;
    const weight = constants.get(weightName);
    if (product.op !== "MatMul" || weight?.type !== "float32" || weight.shape.length !== 2) return [];
    const { name } = product;
    const linear = { name, input, weight, output: name, nodes: [product] };
    const [sum, ...others] = consumers.get(name) ?? [];
    if (sum?.op !== "Add" || others.length > 0 || outputs.has(name)) return [linear];
    const bias = constants.get(sum.inputs.find((operand) => operand !== name) ?? "");
    if (bias?.shape.length !== 1 || bias.shape[0] !== weight.shape[1]) return [linear];
    return [{ ...linear, bias, output: sum.name, nodes: [product, sum] }];
  });
}

/** Linears by the value they multiply: those of one input share its quantisation. */
export function byInput(linears: readonly Linear[]): ReadonlyMap<string, readonly Linear[]> {
  const groups = new Map<string, Linear[]>();
  for (const linear of linears) groups.set(linear.input, [...(groups.get(linear.input) ?? []), linear]);
  return groups;
}
