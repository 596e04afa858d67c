import { type GraphBuilder, microsoft } from "../graph/builder.js";
import type { LazyTensor } from "../weights/checkpoint.js";
import { addLinear, addRootMeanSquareNorm, type Linear } from "./layers.js";
import { addRotary, type RotarySpec } from "./rotary.js";

export interface RotaryAttentionSpec {
  readonly input: string;
  readonly query: Linear;
  /** Keys and values may have fewer heads than queries: each is then read by several. */
  readonly key: Linear;
  readonly value: Linear;
  readonly heads: number;
  readonly keyHeads: number;
  /** Floats of one head. */
  readonly width: number;
  readonly rotary: Omit<RotarySpec, "heads" | "width">;
  /** Norms over each head of queries and keys, before they are turned. */
  readonly headNorms?: { readonly query: LazyTensor; readonly key: LazyTensor; readonly epsilon: number };
  /** What products of queries and keys are multiplied by; one by the root of the width where nothing is said. */
  readonly scale?: number;
  /** Added to the scores: [1, 1, sequence, sequence]. */
  readonly scoreBias?: string;
  /** A token attends to itself and those before it alone. */
  readonly isCausal?: boolean;
}

/** Attention whose queries and keys are turned by position: [batch, sequence, …] → [batch, sequence, heads × width]. */
export function addRotaryAttention(graph: GraphBuilder, name: string, spec: RotaryAttentionSpec): string {
  const { input, heads, keyHeads, width, rotary, headNorms, scale, scoreBias, isCausal = false } = spec;
  const turned = (part: "query" | "key", count: number) => {
    const projected = addLinear(graph, `${name}.${part}`, { input, ...spec[part] });
    const normed = headNorms && {
      weight: headNorms[part],
      epsilon: headNorms.epsilon,
      heads: count,
      width,
    };
    const ready = normed === undefined ? projected : addHeadNorm(graph, `${name}.${part}.norm`, projected, normed);
    return addRotary(graph, `${name}.${part}.turned`, ready, { ...rotary, heads: count, width });
  };
  const shared = (part: string, states: string) =>
    heads === keyHeads ? states : addRepeatedHeads(graph, `${name}.${part}`, states, { heads, keyHeads, width });
  const query = turned("query", heads);
  const key = shared("keys", turned("key", keyHeads));
  const value = shared("values", addLinear(graph, `${name}.value`, { input, ...spec.value }));
  const inputs = [query, key, value, ...(scoreBias === undefined ? [] : ["", "", scoreBias])];
  const attributes = {
    num_heads: { int: heads },
    ...(scale !== undefined && { scale: { float: scale } }),
    ...(isCausal && { unidirectional: { int: 1 } }),
  };
  return graph.node(name, "MultiHeadAttention", { domain: microsoft, inputs, attributes });
}

export interface HeadNorm {
  /** [width]. */
  readonly weight: LazyTensor;
  readonly epsilon: number;
  readonly heads: number;
  readonly width: number;
}

/** A root mean square norm over each head's floats alone: [batch, sequence, heads × width] → the same. */
export function addHeadNorm(
  graph: GraphBuilder,
  name: string,
  input: string,
  { heads, width, ...norm }: HeadNorm,
): string {
  const apart = addReshape(graph, `${name}.apart`, input, [0, 0, heads, width]);
  const normed = addRootMeanSquareNorm(graph, name, { input: apart, ...norm });
  return addReshape(graph, `${name}.together`, normed, [0, 0, heads * width]);
}

interface SharedHeads {
  readonly heads: number;
  readonly keyHeads: number;
  readonly width: number;
}

/** Puts each head as often in a row as there are query heads that read it. */
function addRepeatedHeads(graph: GraphBuilder, name: string, input: string, spec: SharedHeads): string {
  const { heads, keyHeads, width } = spec;
  const readers = heads / keyHeads;
  const apart = addReshape(graph, `${name}.apart`, input, [0, 0, keyHeads, 1, width]);
  const shape = graph.integers(`repeat.${readers}`, [1, 1, 1, readers, 1]);
  const repeated = graph.node(`${name}.repeated`, "Expand", { inputs: [apart, shape] });
  return addReshape(graph, `${name}.together`, repeated, [0, 0, heads * width]);
}

/** 0 keeps a size as it is. */
function addReshape(graph: GraphBuilder, name: string, input: string, shape: readonly number[]): string {
  return graph.node(name, "Reshape", { inputs: [input, graph.integers(`shape.${shape.join("x")}`, shape)] });
}
