import type { GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
import { mapped } from "../weights/transforms.js";
import type { EncoderPlan } from "./architecture.js";
import { addWindowBias } from "./distances.js";
import {
  addGatedFeedForward,
  addLinear,
  addRootMeanSquareNorm,
  addSum,
  addWordStates,
  type LayerKind,
  type Linear,
  readActivation,
  readLayerKinds,
} from "./layers.js";
import type { LlamaSizes } from "./llama.js";
import { type Rotary, readKeyHeads, readRotary } from "./rotary.js";
import { addRotaryAttention } from "./rotary-attention.js";

interface Gemma3Config extends Omit<LlamaSizes, "rotary"> {
  readonly layers: readonly LayerKind[];
  readonly isCausal: boolean;
  /** How far before and after itself a sliding layer's token attends. */
  readonly window: { readonly before: number; readonly after: number };
  readonly scale: number;
  readonly rotary: Readonly<Record<LayerKind, Rotary>>;
  readonly hasAttentionBias: boolean;
}

/** Gemma 3's text model as an encoder (EmbeddingGemma): norms before and after each part, most layers with a window. */
export function planGemma3(file: JsonFile): EncoderPlan {
  const config = readConfig(file);
  return {
    dimensions: config.hidden,
    maxTokens: config.positions,
    vocabularySize: config.vocabulary,
    prefixes: ["model."],
    hasSpecialTokens: true,
    barePooling: "mean",
    build: (graph, weights, ids) => buildGemma3({ graph, weights, config }, ids),
  };
}

function readConfig(file: JsonFile): Gemma3Config {
  if ((file.values.attn_logit_softcapping ?? null) !== null) throw file.unsupported("attn_logit_softcapping", ["null"]);
  const pattern = file.positive("sliding_window_pattern", 6);
  const isSliding = (layer: number) => (layer + 1) % pattern !== 0;
  const isCausal = file.values.use_bidirectional_attention !== true;
  const width = file.positive("head_dim", 256);
  const reach = file.positive("sliding_window", 4096);
  const sliding = { kind: "sliding_attention", thetaField: "rope_local_base_freq", theta: 10_000, isScaled: false };
  return {
    ...readKeyHeads(file),
    hidden: file.count("hidden_size"),
    width,
    intermediate: file.count("intermediate_size"),
    activation: readActivation(file, "hidden_activation", "gelu_pytorch_tanh"),
    epsilon: file.positive("rms_norm_eps", 1e-6),
    positions: file.count("max_position_embeddings"),
    vocabulary: file.count("vocab_size"),
    layers: readLayerKinds(file, isSliding),
    isCausal,
    window: isCausal
      ? { before: reach - 1, after: 0 }
      : { before: Math.floor(reach / 2), after: Math.floor(reach / 2) },
    scale: file.positive("query_pre_attn_scalar", 256) ** -0.5,
    rotary: {
      full_attention: readRotary(file, { kind: "full_attention", theta: 1_000_000 }),
      sliding_attention: readRotary(file, sliding),
    },
    hasAttentionBias: file.values.attention_bias === true,
  };
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: Gemma3Config;
}

function buildGemma3(build: Build, ids: string): string {
  const { graph, weights, config } = build;
  const { hidden, vocabulary, layers, window } = config;
  const root = Math.fround(Math.sqrt(hidden));
  const table = mapped(weights.tensor("embed_tokens.weight", [vocabulary, hidden]), (value) => value * root);
  let states = addWordStates(graph, "words", { ids, table });
  const bias = layers.includes("sliding_attention") ? addWindowBias(graph, states, window) : undefined;
  for (const [layer, kind] of layers.entries())
    states = addLayer(build, states, { layer, kind, scoreBias: kind === "sliding_attention" ? bias : undefined });
  return norm(build, "states", states, "norm");
}

interface Layer {
  readonly layer: number;
  readonly kind: LayerKind;
  readonly scoreBias: string | undefined;
}

function addLayer(build: Build, states: string, { layer, kind, scoreBias }: Layer): string {
  const { graph, weights, config } = build;
  const { hidden, heads, keyHeads, width, intermediate, activation, epsilon, positions, scale, isCausal } = config;
  const [source, name] = [`layers.${layer}`, `layer.${layer}`];
  const linear = (part: string, shape: readonly [number, number], hasBias = false): Linear => ({
    weight: weights.tensor(`${source}.${part}.weight`, shape),
    ...(hasBias && { bias: weights.tensor(`${source}.${part}.bias`, [shape[0]]) }),
  });
  const attend = (part: string, shape: readonly [number, number]) =>
    linear(`self_attn.${part}_proj`, shape, config.hasAttentionBias);
  const headNorm = (part: string) => normWeight(weights, `${source}.self_attn.${part}_norm`, width);
  const mixed = addRotaryAttention(graph, `${name}.attention.heads`, {
    input: norm(build, `${name}.attention.norm`, states, `${source}.input_layernorm`),
    query: attend("q", [heads * width, hidden]),
    key: attend("k", [keyHeads * width, hidden]),
    value: attend("v", [keyHeads * width, hidden]),
    heads,
    keyHeads,
    width,
    rotary: { ...config.rotary[kind], table: `rotary.${kind}`, positions },
    headNorms: { query: headNorm("q"), key: headNorm("k"), epsilon },
    scale,
    ...(scoreBias !== undefined && { scoreBias }),
    isCausal,
  });
  const output = addLinear(graph, `${name}.attention.output`, {
    input: mixed,
    ...attend("o", [hidden, heads * width]),
  });
  const attention = norm(build, `${name}.attention.after`, output, `${source}.post_attention_layernorm`);
  const attended = addSum(graph, `${name}.attention`, states, attention);
  const narrowed = addGatedFeedForward(graph, `${name}.feed-forward`, {
    input: norm(build, `${name}.feed-forward.norm`, attended, `${source}.pre_feedforward_layernorm`),
    gate: linear("mlp.gate_proj", [intermediate, hidden]),
    inner: linear("mlp.up_proj", [intermediate, hidden]),
    outer: linear("mlp.down_proj", [hidden, intermediate]),
    activation,
  });
  const after = norm(build, `${name}.feed-forward.after`, narrowed, `${source}.post_feedforward_layernorm`);
  return addSum(graph, name, attended, after);
}

function norm({ graph, weights, config }: Build, name: string, input: string, source: string): string {
  const weight = normWeight(weights, source, config.hidden);
  return addRootMeanSquareNorm(graph, name, { input, weight, epsilon: config.epsilon });
}

/** Gemma keeps how far a norm's weight is from one. */
function normWeight(weights: Weights, source: string, width: number) {
  return mapped(weights.tensor(`${source}.weight`, [width]), (value) => 1 + value);
}
