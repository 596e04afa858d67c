import type { GraphBuilder } from "../graph/builder.js";
import { addSize } from "../graph/versions.js";

/**
 * How far key j stands after query i, j − i, for the states or ids [batch, sequence, …] of a run: int64 [sequence,
 * sequence], a row for each query.
 */
export function addDistances(graph: GraphBuilder, sequences: string): string {
  const length = addSize(graph, "distances.length", { input: sequences, axis: 1 });
  const count = graph.node("distances.count", "Squeeze", { inputs: [length] });
  const [first, step] = [graph.integer("distances.first", 0), graph.integer("distances.step", 1)];
  const keys = graph.node("distances.keys", "Range", { inputs: [first, count, step] });
  const axis = graph.integers("distances.axis", [1]);
  const queries = graph.node("distances.queries", "Unsqueeze", { inputs: [keys, axis] });
  return graph.node("distances", "Sub", { inputs: [keys, queries] });
}

/** Lowest float32: a score it is added to has no share in the softmax. */
const never = -3.4028234663852886e38;

/**
 * What to add to attention scores so that a token attends to at most `before` tokens before and `after` tokens after it:
 * [1, 1, sequence, sequence].
 */
export function addWindowBias(
  graph: GraphBuilder,
  sequences: string,
  { before, after }: { readonly before: number; readonly after: number },
): string {
  const distances = addDistances(graph, sequences);
  const first = graph.integer("window.first", -before);
  const last = graph.integer("window.last", after);
  const begins = graph.node("window.begins", "GreaterOrEqual", { inputs: [distances, first] });
  const ends = graph.node("window.ends", "LessOrEqual", { inputs: [distances, last] });
  const isNear = graph.node("window.near", "And", { inputs: [begins, ends] });
  const values = [graph.scalar("window.inside", 0), graph.scalar("window.outside", never)];
  const bias = graph.node("window.bias", "Where", { inputs: [isNear, ...values] });
  return graph.node("window", "Unsqueeze", { inputs: [bias, graph.integers("window.axes", [0, 1])] });
}
