import type { GraphBuilder } from "../graph/builder.js";

/**
 * How far key j stands after query i, j − i, for the states or ids [batch, sequence, …] of a run: int64 [sequence,
 * sequence], a row for each query.
 */
export function addDistances(graph: GraphBuilder, sequences: string): string {
  const attributes = { start: { int: 1 }, end: { int: 2 } };
  const length = graph.node("distances.length", "Shape", { inputs: [sequences], attributes });
  const count = graph.node("distances.count", "Squeeze", { inputs: [length] });
  const [first, step] = [graph.integer("distances.first", 0), graph.integer("distances.step", 1)];
  const keys = graph.node("distances.keys", "Range", { inputs: [first, count, step] });
  const axis = graph.integers("distances.axis", [1]);
  const queries = graph.node("distances.queries", "Unsqueeze", { inputs: [keys, axis] });
  return graph.node("distances", "Sub", { inputs: [keys, queries] });
}
