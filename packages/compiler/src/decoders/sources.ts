import { addLinear } from "../architectures/layers.js";
import { type GraphBuilder, type GraphValue, microsoft } from "../graph/builder.js";
import type { Weights } from "../weights/checkpoint.js";
import type { CacheShape, SequencePlan } from "./decoder.js";

const lengths = "source_lengths";
const sourceKey = (layer: number) => `cross_key.${layer}`;
const sourceValue = (layer: number) => `cross_value.${layer}`;

function sourceShape({ keyHeads, headWidth }: CacheShape) {
  return ["rows", keyHeads, "sources", headWidth] as const;
}

/** Adds the inputs of what a decoder reads of its sources: keys and values for every layer, and how many are a row's. */
export function addSources(graph: GraphBuilder, plan: SequencePlan): void {
  graph.input({ name: lengths, type: "int32", shape: ["rows"] });
  for (let layer = 0; layer < plan.layers; layer += 1)
    for (const name of [sourceKey(layer), sourceValue(layer)])
      graph.input({ name, type: "float32", shape: sourceShape(plan) });
}

/** Makes keys and values for every layer of a decoder of its encoder's states [rows, sources, hidden]. */
export function addSourceParts(
  graph: GraphBuilder,
  states: string,
  { plan, weights }: { readonly plan: SequencePlan; readonly weights: Weights },
): readonly GraphValue[] {
  const shape = sourceShape(plan);
  return Array.from({ length: plan.layers }, (_, layer) => {
    const { key, value } = plan.sourceParts(weights, layer);
    const add = (name: string, part: typeof key) => {
      const joined = addLinear(graph, `${name}.joined`, { input: states, ...part });
      const heads = [0, 0, plan.keyHeads, plan.headWidth];
      const inputs = [joined, graph.integers(`shape.${heads.join("x")}`, heads)];
      const apart = graph.node(`${name}.apart`, "Reshape", { inputs });
      graph.node(name, "Transpose", { inputs: [apart], attributes: { perm: { ints: [0, 2, 1, 3] } } });
      return { name, type: "float32", shape } as const;
    };
    return [add(sourceKey(layer), key), add(sourceValue(layer), value)];
  }).flat();
}

export interface SourceAttentionSpec {
  readonly layer: number;
  /** [rows, tokens, heads × width]. */
  readonly query: string;
  readonly heads: number;
  /** What products of queries and keys are multiplied by; one by the root of the width where nothing is said. */
  readonly scale?: number;
}

/** Attention of new tokens to their row's source: [rows, tokens, heads × width]. */
export function addSourceAttention(graph: GraphBuilder, name: string, spec: SourceAttentionSpec): string {
  const { layer, query, heads, scale } = spec;
  return graph.node(name, "MultiHeadAttention", {
    domain: microsoft,
    inputs: [query, sourceKey(layer), sourceValue(layer), "", lengths],
    attributes: { num_heads: { int: heads }, ...(scale !== undefined && { scale: { float: scale } }) },
  });
}
