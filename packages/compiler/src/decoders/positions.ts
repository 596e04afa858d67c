import type { GraphBuilder } from "../graph/builder.js";
import { elementTypes } from "../graph/schema.js";
import type { DecoderInputs } from "./decoder.js";

/** Places of the new tokens in their rows, counted from 0: int64 [rows, tokens]. */
export function addPositions(graph: GraphBuilder, { ids, lastPositions }: Omit<DecoderInputs, "positions">): string {
  const attributes = { to: { int: elementTypes.int64 } };
  const last = graph.node("positions.last", "Cast", { inputs: [lastPositions], attributes });
  const lasts = graph.node("positions.lasts", "Unsqueeze", { inputs: [last, graph.integers("last-axis", [-1])] });
  const count = graph.node("positions.count", "Shape", { inputs: [ids], attributes: { start: { int: 1 } } });
  const tokens = graph.node("positions.tokens", "Squeeze", { inputs: [count] });
  const one = graph.integer("one", 1);
  const first = graph.node("positions.first", "Sub", { inputs: [one, tokens] });
  // From 1 − tokens to 0: how far each token stands behind the last.
  const behind = graph.node("positions.behind", "Range", { inputs: [first, one, one] });
  return graph.node("positions", "Add", { inputs: [lasts, behind] });
}
