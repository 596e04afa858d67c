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
} from "./layers.js";
import { type Rotary, readKeyHeads, readRotary } from "./rotary.js";
import { addRotaryAttention } from "./rotary-attention.js";

/** Sizes that every model of Llama's layers has. */
export interface LlamaSizes {
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
  readonly rotary: Rotary;
}

/** What tells the families apart whose layers are Llama's. */
export interface LlamaFamily {
  /** Each layer's tokens attend to all others, or to those in the window. */
  readonly layers: readonly LayerKind[];
  /**
   * How many tokens a sliding layer's token attends to, itself included; where it attends to those after it as well, how far
   * away they are. Infinite where none slides.
   */
  readonly window: number;
  /** A token attends to itself and those before it alone. */
  readonly isCausal: boolean;
  /** Queries and keys are normed, head by head. */
  readonly hasHeadNorms: boolean;
  /** Of its norms, where the family's own is not 1e-6 and the configuration need not say so. */
  readonly epsilon?: number;
  /** Linear layers that have biases. */
  readonly biases: { readonly projections: boolean; readonly output: boolean; readonly feedForward: boolean };
}

type LlamaConfig = LlamaSizes & LlamaFamily;

/** Llama's decoder as an encoder: its states, each of those before it. */
export function planLlama(file: JsonFile): EncoderPlan {
  const [attention, feedForward] = [file.values.attention_bias === true, file.values.mlp_bias === true];
  return planLlamaLike(file, {
    layers: fullLayers(file),
    window: Number.POSITIVE_INFINITY,
    isCausal: file.values.is_causal !== false,
    hasHeadNorms: false,
    biases: { projections: attention, output: attention, feedForward },
  });
}

/** Plans an encoder of Llama's layers and names: norms before each part, rotary positions, gated feed-forward. */
export function planLlamaLike(file: JsonFile, family: LlamaFamily): EncoderPlan {
  const config = { ...readLlamaSizes(file), ...family };
  return {
    dimensions: config.hidden,
    maxTokens: config.positions,
    vocabularySize: config.vocabulary,
    prefixes: ["model."],
    hasSpecialTokens: true,
    barePooling: isLanguageModel(file) ? "lasttoken" : "mean",
    build: (graph, weights, ids) => buildLlama({ graph, weights, config }, ids),
  };
}

/** All layers attend to everything. */
export function fullLayers(file: JsonFile): readonly LayerKind[] {
  return Array.from({ length: file.count("num_hidden_layers") }, () => "full_attention");
}

/** Sizes as config.json says them. @throws E_MODEL_INVALID, E_MODEL_UNSUPPORTED */
export function readLlamaSizes(file: JsonFile): LlamaSizes {
  const hidden = file.count("hidden_size");
  const { heads, keyHeads } = readKeyHeads(file);
  const width = (file.values.head_dim ?? null) === null ? Math.floor(hidden / heads) : file.count("head_dim");
  if (width % 2 !== 0) throw file.invalid("head_dim", "it must be even");
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
    rotary: readRotary(file, { theta: 10_000 }),
  };
}

/** True for a checkpoint of a model that was made to generate text. */
function isLanguageModel({ values: { architectures } }: JsonFile): boolean {
  return Array.isArray(architectures) && /ForCausalLM$/.test(String(architectures[0]));
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: LlamaConfig;
}

function buildLlama(build: Build, ids: string): string {
  const { graph, weights, config } = build;
  const { hidden, vocabulary, positions, window, layers, isCausal } = config;
  const table = weights.tensor("embed_tokens.weight", [vocabulary, hidden]);
  let states = addWordStates(graph, "words", { ids, table });
  const isWindowed = window < positions;
  const reach = isCausal ? { before: window - 1, after: 0 } : { before: window, after: window };
  const bias = isWindowed ? addWindowBias(graph, states, reach) : undefined;
  for (const [layer, kind] of layers.entries())
    states = addLayer(build, states, { layer, scoreBias: kind === "sliding_attention" ? bias : undefined });
  return norm(build, "states", states, "norm");
}

interface Layer {
  readonly layer: number;
  readonly scoreBias: string | undefined;
}

function addLayer(build: Build, states: string, { layer, scoreBias }: Layer): string {
  const { graph, config } = build;
  const { hidden, heads, keyHeads, width, intermediate, activation, epsilon, positions, biases } = config;
  const [source, name] = [`layers.${layer}`, `layer.${layer}`];
  const projection = (part: string, outputs: number) =>
    linear(build, `${source}.self_attn.${part}`, [outputs, hidden], biases.projections);
  const headNorm = (part: string) => build.weights.tensor(`${source}.self_attn.${part}.weight`, [width]);
  const mixed = addRotaryAttention(graph, `${name}.attention.heads`, {
    input: norm(build, `${name}.attention.norm`, states, `${source}.input_layernorm`),
    query: projection("q_proj", heads * width),
    key: projection("k_proj", keyHeads * width),
    value: projection("v_proj", keyHeads * width),
    heads,
    keyHeads,
    width,
    rotary: { ...config.rotary, table: "rotary", positions },
    ...(config.hasHeadNorms && { headNorms: { query: headNorm("q_norm"), key: headNorm("k_norm"), epsilon } }),
    ...(scoreBias !== undefined && { scoreBias }),
    isCausal: config.isCausal,
  });
  const output = linear(build, `${source}.self_attn.o_proj`, [hidden, heads * width], biases.output);
  const attention = addLinear(graph, `${name}.attention.output`, { input: mixed, ...output });
  const attended = addSum(graph, `${name}.attention`, states, attention);
  const part = (name: string, shape: readonly [number, number]) =>
    linear(build, `${source}.mlp.${name}`, shape, biases.feedForward);
  const narrowed = addGatedFeedForward(graph, `${name}.feed-forward`, {
    input: norm(build, `${name}.feed-forward.norm`, attended, `${source}.post_attention_layernorm`),
    gate: part("gate_proj", [intermediate, hidden]),
    inner: part("up_proj", [intermediate, hidden]),
    outer: part("down_proj", [hidden, intermediate]),
    activation,
  });
  return addSum(graph, name, attended, narrowed);
}

function linear({ weights }: Build, source: string, shape: readonly [number, number], hasBias: boolean): Linear {
  const weight = weights.tensor(`${source}.weight`, shape);
  return { weight, ...(hasBias && { bias: weights.tensor(`${source}.bias`, [shape[0]]) }) };
}

function norm({ graph, weights, config }: Build, name: string, input: string, source: string): string {
  const weight = weights.tensor(`${source}.weight`, [config.hidden]);
  return addRootMeanSquareNorm(graph, name, { input, weight, epsilon: config.epsilon });
}
