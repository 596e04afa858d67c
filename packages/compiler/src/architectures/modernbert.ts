import type { GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
import { rowsFrom } from "../weights/transforms.js";
import type { EncoderPlan } from "./architecture.js";
import { addWindowBias } from "./distances.js";
import {
  addGatedFeedForward,
  addLinear,
  addNorm,
  addSum,
  addWordStates,
  type LayerKind,
  type Linear,
  readActivation,
  readHeads,
  readLayerKinds,
} from "./layers.js";
import { type Rotary, readRotary } from "./rotary.js";
import { addRotaryAttention } from "./rotary-attention.js";

interface ModernBertConfig {
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly activation: string;
  readonly epsilon: number;
  readonly positions: number;
  readonly vocabulary: number;
  readonly layers: readonly LayerKind[];
  /** A local layer's token attends to those at most this far away. */
  readonly reach: number;
  readonly rotary: Readonly<Record<LayerKind, Rotary>>;
  readonly hasNormBias: boolean;
  readonly hasAttentionBias: boolean;
  readonly hasFeedForwardBias: boolean;
}

/** ModernBERT: norms before each part, rotary positions, gated feed-forward, and in most layers attention to a window. */
export function planModernBert(file: JsonFile): EncoderPlan {
  const config = readConfig(file);
  return {
    dimensions: config.hidden,
    maxTokens: config.positions,
    vocabularySize: config.vocabulary,
    prefixes: ["model."],
    hasSpecialTokens: true,
    barePooling: "mean",
    build: (graph, weights, ids) => buildModernBert({ graph, weights, config }, ids),
  };
}

function readConfig(file: JsonFile): ModernBertConfig {
  const every = file.values.layer_types === undefined ? file.positive("global_attn_every_n_layers", 3) : 1;
  const isSliding = (layer: number) => layer % every !== 0;
  const rotary = (kind: LayerKind, thetaField: string, theta: number) => readRotary(file, { kind, thetaField, theta });
  return {
    ...readHeads(file, "hidden_size", "num_attention_heads"),
    intermediate: file.count("intermediate_size"),
    activation: readActivation(file, "hidden_activation", "gelu"),
    epsilon: file.positive("norm_eps", 1e-5),
    positions: file.count("max_position_embeddings"),
    vocabulary: file.count("vocab_size"),
    layers: readLayerKinds(file, isSliding),
    reach: Math.floor(file.positive("local_attention", 128) / 2),
    rotary: {
      full_attention: rotary("full_attention", "global_rope_theta", 160_000),
      sliding_attention: rotary("sliding_attention", "local_rope_theta", 10_000),
    },
    hasNormBias: file.values.norm_bias === true,
    hasAttentionBias: file.values.attention_bias === true,
    hasFeedForwardBias: file.values.mlp_bias === true,
  };
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: ModernBertConfig;
}

function buildModernBert(build: Build, ids: string): string {
  const { graph, weights, config } = build;
  const { hidden, vocabulary, positions, reach, layers } = config;
  const table = weights.tensor("embeddings.tok_embeddings.weight", [vocabulary, hidden]);
  let states = norm(build, "embeddings", addWordStates(graph, "words", { ids, table }), "embeddings.norm");
  const isWindowed = layers.includes("sliding_attention") && reach < positions - 1;
  const window = isWindowed ? addWindowBias(graph, states, { before: reach, after: reach }) : undefined;
  for (const [layer, kind] of layers.entries()) {
    const scoreBias = kind === "sliding_attention" ? window : undefined;
    states = addLayer(build, states, { layer, kind, ...(scoreBias !== undefined && { scoreBias }) });
  }
  return norm(build, "states", states, "final_norm");
}

interface Layer {
  readonly layer: number;
  readonly kind: LayerKind;
  readonly scoreBias?: string;
}

function addLayer(build: Build, states: string, { layer, kind, scoreBias }: Layer): string {
  const { graph, config } = build;
  const { hidden, heads, intermediate, activation, positions, hasAttentionBias, hasFeedForwardBias } = config;
  const [source, name] = [`layers.${layer}`, `layer.${layer}`];
  // The embeddings are normed already.
  const input = layer === 0 ? states : norm(build, `${name}.attention.norm`, states, `${source}.attn_norm`);
  const part = (index: number) =>
    rowsOf(build, `${source}.attn.Wqkv`, { rows: hidden, parts: 3, hasBias: hasAttentionBias }, index);
  const mixed = addRotaryAttention(graph, `${name}.attention.heads`, {
    input,
    query: part(0),
    key: part(1),
    value: part(2),
    heads,
    keyHeads: heads,
    width: hidden / heads,
    rotary: { ...config.rotary[kind], table: `rotary.${kind}`, positions },
    ...(scoreBias !== undefined && { scoreBias }),
  });
  const output = linear(build, `${source}.attn.Wo`, [hidden, hidden], hasAttentionBias);
  const attention = addLinear(graph, `${name}.attention.output`, { input: mixed, ...output });
  const attended = addSum(graph, `${name}.attention`, states, attention);
  const wide = { rows: intermediate, parts: 2, hasBias: hasFeedForwardBias };
  const narrowed = addGatedFeedForward(graph, `${name}.feed-forward`, {
    input: norm(build, `${name}.feed-forward.norm`, attended, `${source}.mlp_norm`),
    gate: rowsOf(build, `${source}.mlp.Wi`, wide, 0),
    inner: rowsOf(build, `${source}.mlp.Wi`, wide, 1),
    outer: linear(build, `${source}.mlp.Wo`, [hidden, intermediate], hasFeedForwardBias),
    activation,
  });
  return addSum(graph, name, attended, narrowed);
}

function norm({ graph, weights, config }: Build, name: string, input: string, source: string): string {
  const { hidden, epsilon, hasNormBias } = config;
  const weight = weights.tensor(`${source}.weight`, [hidden]);
  const bias = hasNormBias && { bias: weights.tensor(`${source}.bias`, [hidden]) };
  return addNorm(graph, name, { input, weight, ...bias, epsilon });
}

function linear({ weights }: Build, source: string, shape: readonly [number, number], hasBias: boolean): Linear {
  const weight = weights.tensor(`${source}.weight`, shape);
  return { weight, ...(hasBias && { bias: weights.tensor(`${source}.bias`, [shape[0]]) }) };
}

/** One of several linear layers that lie in one tensor, one after another. */
function rowsOf(
  build: Build,
  source: string,
  { rows, parts, hasBias }: { readonly rows: number; readonly parts: number; readonly hasBias: boolean },
  index: number,
): Linear {
  const { weight, bias } = linear(build, source, [rows * parts, build.config.hidden], hasBias);
  const [first, end] = [rows * index, rows * (index + 1)];
  return { weight: rowsFrom(weight, first, end), ...(bias && { bias: rowsFrom(bias, first, end) }) };
}
