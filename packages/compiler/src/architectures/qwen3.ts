import type { GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
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
import { type Rotary, readKeyHeads, readRotary } from "./rotary.js";
import { addRotaryAttention } from "./rotary-attention.js";

interface Qwen3Config {
  readonly hidden: number;
  readonly heads: number;
  readonly keyHeads: number;
  /** Floats of one head; heads × width need not be the hidden size. */
  readonly width: number;
  readonly intermediate: number;
  readonly activation: string;
  readonly epsilon: number;
  readonly positions: number;
  readonly vocabulary: number;
  readonly layers: readonly LayerKind[];
  /** Tokens a sliding layer's token attends to, itself included. */
  readonly window: number;
  readonly rotary: Rotary;
  readonly hasAttentionBias: boolean;
}

/** Qwen3 as an encoder (Qwen3-Embedding): the decoder's states, whose last one stands for the text. */
export function planQwen3(file: JsonFile): EncoderPlan {
  const config = readConfig(file);
  return {
    dimensions: config.hidden,
    maxTokens: config.positions,
    vocabularySize: config.vocabulary,
    prefixes: ["model."],
    hasSpecialTokens: true,
    barePooling: isLanguageModel(file) ? "lasttoken" : "mean",
    build: (graph, weights, ids) => buildQwen3({ graph, weights, config }, ids),
  };
}

function readConfig(file: JsonFile): Qwen3Config {
  if (file.values.is_causal === false) throw file.unsupported("is_causal", ["true"]);
  const hidden = file.count("hidden_size");
  const { heads, keyHeads } = readKeyHeads(file);
  const width = (file.values.head_dim ?? null) === null ? Math.floor(hidden / heads) : file.count("head_dim");
  if (width % 2 !== 0) throw file.invalid("head_dim", "it must be even");
  const isSliding = file.values.use_sliding_window === true;
  const firstSliding = isSliding ? file.positive("max_window_layers", 28) : Number.POSITIVE_INFINITY;
  const layers = readLayerKinds(file, (layer) => layer >= firstSliding);
  return {
    hidden,
    heads,
    keyHeads,
    width,
    intermediate: file.count("intermediate_size"),
    activation: readActivation(file, "hidden_act", "silu"),
    epsilon: file.positive("rms_norm_eps", 1e-6),
    positions: file.count("max_position_embeddings"),
    vocabulary: file.count("vocab_size"),
    layers,
    window: layers.includes("sliding_attention") ? file.count("sliding_window") : Number.POSITIVE_INFINITY,
    rotary: readRotary(file, { theta: 10_000 }),
    hasAttentionBias: file.values.attention_bias === true,
  };
}

/** True for a checkpoint of a model that was made to generate text. */
function isLanguageModel({ values: { architectures } }: JsonFile): boolean {
  return Array.isArray(architectures) && /ForCausalLM$/.test(String(architectures[0]));
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: Qwen3Config;
}

function buildQwen3(build: Build, ids: string): string {
  const { graph, weights, config } = build;
  const { hidden, vocabulary, positions, window, layers } = config;
  const table = weights.tensor("embed_tokens.weight", [vocabulary, hidden]);
  let states = addWordStates(graph, "words", { ids, table });
  const isWindowed = window < positions;
  const bias = isWindowed ? addWindowBias(graph, states, { before: window - 1, after: 0 }) : undefined;
  for (const [layer, kind] of layers.entries())
    states = addLayer(build, states, { layer, scoreBias: kind === "sliding_attention" ? bias : undefined });
  return norm(build, "states", states, "norm");
}

interface Layer {
  readonly layer: number;
  readonly scoreBias: string | undefined;
}

function addLayer(build: Build, states: string, { layer, scoreBias }: Layer): string {
  const { graph, weights, config } = build;
  const { hidden, heads, keyHeads, width, intermediate, activation, epsilon, positions, hasAttentionBias } = config;
  const [source, name] = [`layers.${layer}`, `layer.${layer}`];
  const attend = (part: string, shape: readonly [number, number]): Linear => ({
    weight: weights.tensor(`${source}.self_attn.${part}.weight`, shape),
    ...(hasAttentionBias && { bias: weights.tensor(`${source}.self_attn.${part}.bias`, [shape[0]]) }),
  });
  const headNorm = (part: string) => weights.tensor(`${source}.self_attn.${part}.weight`, [width]);
  const mixed = addRotaryAttention(graph, `${name}.attention.heads`, {
    input: norm(build, `${name}.attention.norm`, states, `${source}.input_layernorm`),
    query: attend("q_proj", [heads * width, hidden]),
    key: attend("k_proj", [keyHeads * width, hidden]),
    value: attend("v_proj", [keyHeads * width, hidden]),
    heads,
    keyHeads,
    width,
    rotary: { ...config.rotary, table: "rotary", positions },
    headNorms: { query: headNorm("q_norm"), key: headNorm("k_norm"), epsilon },
    ...(scoreBias !== undefined && { scoreBias }),
    isCausal: true,
  });
  const output = attend("o_proj", [hidden, heads * width]);
  const attention = addLinear(graph, `${name}.attention.output`, { input: mixed, ...output });
  const attended = addSum(graph, `${name}.attention`, states, attention);
  const widen = (part: string): Linear => ({
    weight: weights.tensor(`${source}.mlp.${part}.weight`, [intermediate, hidden]),
  });
  const narrowed = addGatedFeedForward(graph, `${name}.feed-forward`, {
    input: norm(build, `${name}.feed-forward.norm`, attended, `${source}.post_attention_layernorm`),
    gate: widen("gate_proj"),
    inner: widen("up_proj"),
    outer: { weight: weights.tensor(`${source}.mlp.down_proj.weight`, [hidden, intermediate]) },
    activation,
  });
  return addSum(graph, name, attended, narrowed);
}

function norm({ graph, weights, config }: Build, name: string, input: string, source: string): string {
  const weight = weights.tensor(`${source}.weight`, [config.hidden]);
  return addRootMeanSquareNorm(graph, name, { input, weight, epsilon: config.epsilon });
}
