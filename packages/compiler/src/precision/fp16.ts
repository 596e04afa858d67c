import type { Graph } from "../graph/builder.js";
import { type AttentionLayout, withFusedKernels } from "./fused-kernels.js";
import { inHalfPrecision } from "./half.js";
import { withoutShapes } from "./shapes.js";

/**
 * The graph as a GPU's kernels want it: without arithmetic on shapes, which would be left to the processor; fused; weights
 * and states in float16 up to the encoder's last states, and its head in float32.
 */
export function toFp16(graph: Graph, attention: AttentionLayout = defaultAttention): Graph {
  return inHalfPrecision(withFusedKernels(withoutShapes(graph), attention));
}

/** One wide product for queries, keys and values, in the operator that also adds their biases. */
export const defaultAttention: AttentionLayout = "joined";
