import { bytesOf, type GraphBuilder } from "../graph/builder.js";
import type { LazyTensor } from "../weights/checkpoint.js";
import { addDistances } from "./distances.js";

export interface DistanceBias {
  /** [buckets, heads]. */
  readonly bias: LazyTensor;
  readonly heads: number;
  readonly maxTokens: number;
  readonly buckets: DistanceBuckets;
}

/** Distances that are told apart: short ones each by itself, longer ones in buckets that grow. */
export interface DistanceBuckets {
  readonly count: number;
  /** From here on all distances are in the last bucket. */
  readonly farthest: number;
}

/** A learned bias for each pair of tokens by their distance: [1, heads, sequence, sequence]. */
export function addDistanceBias(
  graph: GraphBuilder,
  states: string,
  { bias, heads, maxTokens, buckets }: DistanceBias,
): string {
  const columns = 2 * maxTokens - 1;
  const load = async () => {
    const values = await bias.load();
    const byDistance = Float32Array.from({ length: heads * columns }, (_, at) => {
      const bucket = bucketOf((at % columns) - (maxTokens - 1), buckets);
      return values[bucket * heads + Math.floor(at / columns)] as number;
    });
    return bytesOf(byDistance);
  };
  const table = graph.constant({ name: "distance-bias.table", type: "float32", shape: [1, heads, columns], load });
  const farthest = graph.integer("distance-bias.farthest", maxTokens - 1);
  const index = graph.node("distance-bias.index", "Add", { inputs: [addDistances(graph, states), farthest] });
  return graph.node("distance-bias", "Gather", { inputs: [table, index], attributes: { axis: { int: 2 } } });
}

/** T5's buckets: half for keys after the query; of each half, half exact and half logarithmic. In float32, as PyTorch has it. */
function bucketOf(distance: number, { count, farthest }: DistanceBuckets): number {
  const half = Math.floor(count / 2);
  const exact = Math.floor(half / 2);
  const away = Math.abs(distance);
  const side = distance > 0 ? half : 0;
  if (away < exact) return side + away;
  const share = Math.fround(Math.fround(Math.log(away / exact)) / Math.fround(Math.log(farthest / exact)));
  return side + Math.min(half - 1, exact + Math.floor(Math.fround(share * (half - exact))));
}
