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

/**
 * Sources are filled up to multiples of this: the kernels' vectors are no longer, so that a row's bits do not depend on how
 * much longer other sources are.
 */
export const sourceStep = 16;

/** Makes keys and values for every layer of a decoder of its encoder's states [rows, sources, hidden]. */
export function addSourceParts(
  graph: GraphBuilder,
  states: string,
  { plan, weights }: { readonly plan: SequencePlan; readonly weights: Weights },
): readonly GraphValue[] {
  const shape = sourceShape(plan);
  const fill = [addFill(graph, states), "", graph.integers("sources-axis", [2])];
  return Array.from({ length: plan.layers }, (_, layer) => {
    const { key, value } = plan.sourceParts(weights, layer);
    const add = (name: string, part: typeof key) => {
      const joined = addLinear(graph, `${name}.joined`, { input: states, ...part });
      const heads = [0, 0, plan.keyHeads, plan.headWidth];
      const inputs = [joined, graph.integers(`shape.${heads.join("x")}`, heads)];
      const apart = graph.node(`${name}.apart`, "Reshape", { inputs });
      const perm = { ints: [0, 2, 1, 3] };
      const turned = graph.node(`${name}.turned`, "Transpose", { inputs: [apart], attributes: { perm } });
      graph.node(name, "Pad", { inputs: [turned, ...fill] });
      return { name, type: "float32", shape } as const;
    };
    return [add(sourceKey(layer), key), add(sourceValue(layer), value)];
  }).flat();
}

/** What is put before and behind the sources: int64 [2]. */
function addFill(graph: GraphBuilder, states: string): string {
  const attributes = { start: { int: 1 }, end: { int: 2 } };
  const count = graph.node("sources.count", "Shape", { inputs: [states], attributes });
  const negative = graph.node("sources.negative", "Neg", { inputs: [count] });
  const rest = graph.node("sources.rest", "Mod", { inputs: [negative, graph.integers("source-step", [sourceStep])] });
  return graph.node("sources.fill", "Concat", {
    inputs: [graph.integers("nothing", [0]), rest],
    attributes: { axis: { int: 0 } },
  });
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
