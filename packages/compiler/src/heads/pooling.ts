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

/** Turns states [batch, sequence, hidden] into one vector a row [batch, hidden]. Rows have no padding to leave out. */
export function addPoolingHead(graph: GraphBuilder, states: string, head: PoolingHead): string {
  const pooled = head.pooling === "mean" ? addMean(graph, states) : addFirstToken(graph, states);
  return head.isNormalized ? addNormalization(graph, pooled) : pooled;
}

function addMean(graph: GraphBuilder, states: string): string {
  const inputs = [states, graph.integers("pooling.axis", [1])];
  return graph.node("pooling.mean", "ReduceMean", { inputs, attributes: { keepdims: { int: 0 } } });
}

function addFirstToken(graph: GraphBuilder, states: string): string {
  const inputs = [states, graph.integer("pooling.position", 0)];
  return graph.node("pooling.cls", "Gather", { inputs, attributes: { axis: { int: 1 } } });
}

function addNormalization(graph: GraphBuilder, pooled: string): string {
  const axis = graph.integers("normalize.axis", [1]);
  const length = graph.node("normalize.length", "ReduceL2", { inputs: [pooled, axis] });
  const floored = graph.node("normalize.floor", "Max", {
    inputs: [length, graph.scalar("normalize.shortest", shortestLength)],
  });
  return graph.node("normalize", "Div", { inputs: [pooled, floored] });
}
