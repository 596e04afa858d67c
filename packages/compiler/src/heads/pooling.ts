import type { GraphBuilder } from "../graph/builder.js";
import { elementTypes } from "../graph/schema.js";

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

/**
 * A product with ones and a division, row by row. ReduceMean sums in another order when a run has one row than when it
 * has several, so that a vector's last bits would depend on its neighbours.
 */
function addMean(graph: GraphBuilder, name: string, states: string): string {
  const attributes = { start: { int: 1 }, end: { int: 2 } };
  const length = graph.node("pooling.length", "Shape", { inputs: [states], attributes });
  const ones = graph.node("pooling.ones", "Expand", { inputs: [graph.scalar("pooling.one", 1), length] });
  const sum = graph.node("pooling.sum", "MatMul", { inputs: [ones, states] });
  const divisor = graph.node("pooling.divisor", "Cast", {
    inputs: [length],
    attributes: { to: { int: elementTypes.float32 } },
  });
  return graph.node(name, "Div", { inputs: [sum, divisor] });
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
