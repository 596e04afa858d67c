import type { GraphBuilder } from "../graph/builder.js";

export const poolingModes = ["mean", "cls"] as const;
export type PoolingMode = (typeof poolingModes)[number];

export interface PoolingHead {
  readonly pooling: PoolingMode;
  /** Divides each vector by its Euclidean length. */
  readonly isNormalized: boolean;
}

/** Floor of the length a vector is divided by, as PyTorch's `normalize` has it: a vector of zeros stays one. */
const shortestLength = 1e-12;

/** Turns states [batch, sequence, hidden] into `vectors` [batch, hidden]. Rows have no padding to leave out. */
export function addPoolingHead(graph: GraphBuilder, states: string, head: PoolingHead): string {
  const addPooling = head.pooling === "mean" ? addMean : addFirstToken;
  if (!head.isNormalized) return addPooling(graph, "vectors", states);
  return addNormalization(graph, "vectors", addPooling(graph, "pooling", states));
}

function addMean(graph: GraphBuilder, name: string, states: string): string {
  const inputs = [states, graph.integers("pooling.axis", [1])];
  return graph.node(name, "ReduceMean", { inputs, attributes: { keepdims: { int: 0 } } });
}

function addFirstToken(graph: GraphBuilder, name: string, states: string): string {
  const inputs = [states, graph.integer("pooling.position", 0)];
  return graph.node(name, "Gather", { inputs, attributes: { axis: { int: 1 } } });
}

function addNormalization(graph: GraphBuilder, name: string, pooled: string): string {
  const axis = graph.integers("normalize.axis", [1]);
  const length = graph.node("normalize.length", "ReduceL2", { inputs: [pooled, axis] });
  const shortest = graph.scalar("normalize.shortest", shortestLength);
  const floored = graph.node("normalize.floor", "Max", { inputs: [length, shortest] });
  return graph.node(name, "Div", { inputs: [pooled, floored] });
}
