import { bytesOf, type GraphBuilder } from "../graph/builder.js";
import type { LazyTensor } from "../weights/checkpoint.js";
import { addDistances } from "./distances.js";

export interface DistanceTable {
  readonly heads: number;
  readonly maxTokens: number;
  /** What a head adds to the score of a query and a key, by how far the key stands after it. */
  readonly load: () => Promise<(distance: number, head: number) => number>;
}

/** A bias for each pair of tokens by their distance: [1, heads, sequence, sequence]. */
export function addDistanceTable(
  graph: GraphBuilder,
  states: string,
  { heads, maxTokens, load }: DistanceTable,
): string {
  const columns = 2 * maxTokens - 1;
  const loadTable = async () => {
    const bias = await load();
    const byDistance = Float32Array.from({ length: heads * columns }, (_, at) =>
      bias((at % columns) - (maxTokens - 1), Math.floor(at / columns)),
    );
    return bytesOf(byDistance);
  };
  const shape = [1, heads, columns];
  const table = graph.constant({ name: "distance-bias.table", type: "float32", shape, load: loadTable });
  const farthest = graph.integer("distance-bias.farthest", maxTokens - 1);
  const index = graph.node("distance-bias.index", "Add", { inputs: [addDistances(graph, states), farthest] });
  return graph.node("distance-bias", "Gather", { inputs: [table, index], attributes: { axis: { int: 2 } } });
}

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

/** A learned bias by distance, as T5 has it: [1, heads, sequence, sequence]. */
export function addDistanceBias(
  graph: GraphBuilder,
  states: string,
  { bias, heads, maxTokens, buckets }: DistanceBias,
): string {
  const load = async () => {
    const values = await bias.load();
    return (distance: number, head: number) => values[bucketOf(distance, buckets) * heads + head] as number;
  };
  return addDistanceTable(graph, states, { heads, maxTokens, load });
}

/** T5's buckets: half for keys after the query. */
function bucketOf(distance: number, { count, farthest }: DistanceBuckets): number {
  const half = Math.floor(count / 2);
  return (distance > 0 ? half : 0) + bucketAway(Math.abs(distance), { count: half, farthest });
}

/** The bucket of a distance in one direction: half of them are exact and half logarithmic. In float32, as PyTorch has it. */
export function bucketAway(away: number, { count, farthest }: DistanceBuckets): number {
  const exact = Math.floor(count / 2);
  if (away < exact) return away;
  const share = Math.fround(Math.fround(Math.log(away / exact)) / Math.fround(Math.log(farthest / exact)));
  return Math.min(count - 1, exact + Math.floor(Math.fround(share * (count - exact))));
}
