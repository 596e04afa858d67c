import { type Attribute, type GraphBuilder, microsoft } from "../graph/builder.js";
import type { CacheShape, DecoderInputs } from "./decoder.js";

/** How heads of queries and keys are turned. */
export interface RotaryHeads {
  /** Cosines and sines of every position: [positions, width / 2]. */
  readonly tables: readonly string[];
  /** Pairs of neighbours are turned, not floats half a head apart. */
  readonly isInterleaved: boolean;
}

export interface CachedAttentionSpec {
  readonly layer: number;
  /** [rows, tokens, heads × width]; keys and values follow it along the last axis where they are "". */
  readonly query: string;
  /** [rows, tokens, keyHeads × width]. */
  readonly key: string;
  readonly value: string;
  readonly heads: number;
  readonly keyHeads: number;
  /** Floats of one head. */
  readonly width: number;
  /** Absent where heads are not turned by position. */
  readonly rotary?: RotaryHeads;
  /** Tokens that a token attends to, itself included; all that came before where it is absent. */
  readonly window?: number;
  /** Added to the scores: [rows, heads, tokens, longest]. */
  readonly scoreBias?: string;
  /** What products of queries and keys are multiplied by; one by the root of the width where nothing is said. */
  readonly scale?: number;
}

/**
 * Attention of new tokens to a row's past and to each other: [rows, tokens, heads × width]. Keys and values are put
 * behind the past in `present_key.N`, `present_value.N`, which may be the same memory as `past_key.N`, `past_value.N`.
 */
export function addCachedAttention(
  graph: GraphBuilder,
  name: string,
  { inputs, ...spec }: CachedAttentionSpec & { readonly inputs: DecoderInputs },
): string {
  const { layer, value, heads, keyHeads, window, scale, scoreBias } = spec;
  const { query, key, rotary } = isTurnedInside(spec) ? spec : turnedBefore(graph, name, { inputs, ...spec });
  const attributes: Record<string, Attribute> = {
    num_heads: { int: heads },
    kv_num_heads: { int: keyHeads },
    ...(scale !== undefined && { scale: { float: scale } }),
    ...(window !== undefined && { local_window_size: { int: window } }),
    ...(rotary !== undefined && { do_rotary: { int: 1 }, rotary_interleaved: { int: rotary.isInterleaved ? 1 : 0 } }),
  };
  const tables = rotary?.tables ?? [];
  const rest = scoreBias === undefined ? tables : [...(tables.length > 0 ? tables : ["", ""]), "", scoreBias];
  const past = [pastKey(layer), pastValue(layer)];
  return graph.node(name, "GroupQueryAttention", {
    domain: microsoft,
    inputs: [query, key, value, ...past, inputs.lastPositions, inputs.longest, ...rest],
    outputs: [name, `present_key.${layer}`, `present_value.${layer}`],
    attributes,
  });
}

/** The operator turns heads itself where they are multiples of 16 floats wide. */
function isTurnedInside({ rotary, width }: CachedAttentionSpec): boolean {
  return rotary === undefined || width % 16 === 0;
}

function turnedBefore(
  graph: GraphBuilder,
  name: string,
  { inputs, rotary, ...spec }: CachedAttentionSpec & { readonly inputs: DecoderInputs },
): Pick<CachedAttentionSpec, "query" | "key" | "rotary"> {
  const { tables = [], isInterleaved = false } = rotary ?? {};
  const positions = inputs.positions();
  const turn = (part: "query" | "key", heads: number) =>
    graph.node(`${name}.${part}.turned`, "RotaryEmbedding", {
      domain: microsoft,
      inputs: [spec[part], positions, ...tables],
      attributes: { num_heads: { int: heads }, interleaved: { int: isInterleaved ? 1 : 0 } },
    });
  return { query: turn("query", spec.heads), key: turn("key", spec.keyHeads) };
}

const pastKey = (layer: number) => `past_key.${layer}`;
const pastValue = (layer: number) => `past_value.${layer}`;

/** Adds the inputs of every layer's past: float32 [rows, keyHeads, capacity, headWidth]. */
export function addPast(graph: GraphBuilder, { layers, keyHeads, headWidth }: CacheShape): void {
  for (let layer = 0; layer < layers; layer += 1)
    for (const name of [pastKey(layer), pastValue(layer)])
      graph.input({ name, type: "float32", shape: ["rows", keyHeads, "capacity", headWidth] });
}

/** What the graph returns of every layer, in the shape of the past. */
export function presentOutputs({ layers, keyHeads, headWidth }: CacheShape) {
  const names = Array.from({ length: layers }, (_, layer) => [`present_key.${layer}`, `present_value.${layer}`]);
  const shape = ["rows", keyHeads, "capacity", headWidth];
  return names.flat().map((name) => ({ name, type: "float32", shape }) as const);
}
