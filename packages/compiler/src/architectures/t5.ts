import { type GraphBuilder, microsoft } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
import type { EncoderPlan } from "./architecture.js";
import { addDistanceBias, type DistanceBuckets } from "./distance-bias.js";
import {
  activations,
  addActivation,
  addGatedFeedForward,
  addLinear,
  addRootMeanSquareNorm,
  addSum,
  addWordStates,
} from "./layers.js";

/** Sizes of T5, of its encoder and its decoder alike. */
export interface T5Config {
  readonly hidden: number;
  readonly heads: number;
  /** Floats of one head; heads × width need not be the hidden size. */
  readonly width: number;
  readonly layers: number;
  readonly intermediate: number;
  readonly activation: string;
  readonly isGated: boolean;
  readonly epsilon: number;
  readonly vocabulary: number;
  readonly maxTokens: number;
  readonly buckets: DistanceBuckets;
}

/** Tokens that T5 was trained on; its positions reach further, and know no difference beyond the farthest bucket. */
const usualTokens = 512;

/**
 * The encoder of T5 (Sentence-T5, GTR): norms before each part, no biases, products of queries and keys as they are, and a
 * learned bias on them by distance, one for all layers.
 */
export function planT5(file: JsonFile): EncoderPlan {
  const config = readT5Config(file);
  return {
    dimensions: config.hidden,
    maxTokens: config.maxTokens,
    vocabularySize: config.vocabulary,
    prefixes: ["transformer."],
    hasSpecialTokens: true,
    barePooling: "mean",
    build: (graph, weights, ids) => buildT5({ graph, weights, config }, ids),
  };
}

/** @throws E_MODEL_INVALID, E_MODEL_UNSUPPORTED */
export function readT5Config(file: JsonFile): T5Config {
  const [, gate, named] = /^(gated-)?(.+)$/.exec(file.text("feed_forward_proj", "relu")) ?? [];
  // What transformers takes "gated-gelu" for.
  const activation = gate !== undefined && named === "gelu" ? "gelu_new" : (named ?? "");
  if (!activations.includes(activation))
    throw file.unsupported("feed_forward_proj", ["relu", "gated-gelu", "gated-silu"]);
  return {
    hidden: file.count("d_model"),
    heads: file.count("num_heads"),
    width: file.count("d_kv"),
    layers: file.count("num_layers"),
    intermediate: file.count("d_ff"),
    activation,
    isGated: gate !== undefined,
    epsilon: file.positive("layer_norm_epsilon", 1e-6),
    vocabulary: file.count("vocab_size"),
    maxTokens: file.positive("n_positions", usualTokens),
    buckets: {
      count: file.positive("relative_attention_num_buckets", 32),
      farthest: file.positive("relative_attention_max_distance", 128),
    },
  };
}

export interface T5Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: T5Config;
}

const biasName = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight";

function buildT5(build: T5Build, ids: string): string {
  const { graph, weights, config } = build;
  const { hidden, vocabulary, layers, heads, maxTokens, buckets } = config;
  const words = ["shared.weight", "encoder.embed_tokens.weight"].find((name) => weights.shapeOf(name) !== undefined);
  const table = weights.tensor(words ?? "shared.weight", [vocabulary, hidden]);
  let states = addWordStates(graph, "words", { ids, table });
  const bias = weights.tensor(biasName, [buckets.count, heads]);
  const scoreBias = addDistanceBias(graph, states, { bias, heads, maxTokens, buckets });
  for (let layer = 0; layer < layers; layer += 1) {
    states = addAttention(build, states, { layer, scoreBias });
    const names = { source: `encoder.block.${layer}.layer.1`, name: `layer.${layer}` };
    states = addT5FeedForward(build, states, names);
  }
  return addT5Norm(build, "states", states, "encoder.final_layer_norm");
}

interface Layer {
  readonly layer: number;
  readonly scoreBias: string;
}

function addAttention(build: T5Build, states: string, { layer, scoreBias }: Layer): string {
  const { graph, weights, config } = build;
  const [source, name] = [`encoder.block.${layer}.layer.0`, `layer.${layer}.attention`];
  const inner = config.heads * config.width;
  const input = addT5Norm(build, `${name}.norm`, states, `${source}.layer_norm`);
  const projections = (["query", "key", "value"] as const).map((part) => {
    const weight = weights.tensor(`${source}.SelfAttention.${part[0]}.weight`, [inner, config.hidden]);
    return addLinear(graph, `${name}.heads.${part}`, { input, weight });
  });
  const mixed = graph.node(`${name}.heads`, "MultiHeadAttention", {
    domain: microsoft,
    inputs: [...projections, "", "", scoreBias],
    attributes: { num_heads: { int: config.heads }, scale: { float: 1 } },
  });
  const weight = weights.tensor(`${source}.SelfAttention.o.weight`, [config.hidden, inner]);
  return addSum(graph, name, states, addLinear(graph, `${name}.output`, { input: mixed, weight }));
}

/** Where a part's tensors lie, and what it is called in the graph. */
export interface T5Part {
  readonly source: string;
  readonly name: string;
}

/** states + feed-forward(norm(states)). */
export function addT5FeedForward(build: T5Build, states: string, part: T5Part): string {
  const { graph, weights, config } = build;
  const { hidden, intermediate, activation, isGated } = config;
  const { source } = part;
  const name = `${part.name}.feed-forward`;
  const linear = (part: string, shape: readonly number[]) => ({
    weight: weights.tensor(`${source}.DenseReluDense.${part}.weight`, shape),
  });
  const input = addT5Norm(build, `${name}.norm`, states, `${source}.layer_norm`);
  const outer = linear("wo", [hidden, intermediate]);
  if (isGated) {
    const [gate, inner] = [linear("wi_0", [intermediate, hidden]), linear("wi_1", [intermediate, hidden])];
    const narrowed = addGatedFeedForward(graph, name, { input, gate, inner, outer, activation });
    return addSum(graph, part.name, states, narrowed);
  }
  const widened = addLinear(graph, `${name}.inner`, { input, ...linear("wi", [intermediate, hidden]) });
  const activated = addActivation(graph, `${name}.activation`, { input: widened, activation });
  const narrowed = addLinear(graph, `${name}.outer`, { input: activated, ...outer });
  return addSum(graph, part.name, states, narrowed);
}

/** input / √(mean of squares + ε) · weight. */
export function addT5Norm({ graph, weights, config }: T5Build, name: string, input: string, source: string): string {
  const weight = weights.tensor(`${source}.weight`, [config.hidden]);
  return addRootMeanSquareNorm(graph, name, { input, weight, epsilon: config.epsilon });
}
