import { type GraphBuilder, microsoft } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
import { plusFirstRow } from "../weights/transforms.js";
import type { EncoderPlan } from "./architecture.js";
import {
  type Affine,
  addActivation,
  addLinear,
  addResidualNorm,
  addSelfAttention,
  addWeight,
  readActivation,
} from "./layers.js";

interface BertConfig {
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly activation: string;
  readonly epsilon: number;
  readonly positions: number;
  readonly segments: number;
  readonly vocabulary: number;
}

/** BERT as Devlin et al. have it: learned absolute positions, layer norm after each residual. */
export function planBert(file: JsonFile): EncoderPlan {
  const config = readConfig(file);
  return {
    dimensions: config.hidden,
    maxTokens: config.positions,
    vocabularySize: config.vocabulary,
    prefixes: ["bert."],
    hasSpecialTokens: true,
    barePooling: "mean",
    build: (graph, weights, ids) => buildBert({ graph, weights, config }, ids),
  };
}

function readConfig(file: JsonFile): BertConfig {
  if (file.text("position_embedding_type", "absolute") !== "absolute")
    throw file.unsupported("position_embedding_type", ["absolute"]);
  for (const field of ["is_decoder", "add_cross_attention"])
    if (file.values[field]) throw file.unsupported(field, ["false"]);
  const hidden = file.count("hidden_size");
  const heads = file.count("num_attention_heads");
  if (hidden % heads !== 0) throw file.invalid("num_attention_heads", `it must divide hidden_size ${hidden}`);
  return {
    hidden,
    heads,
    activation: readActivation(file, "hidden_act", "gelu"),
    layers: file.count("num_hidden_layers"),
    intermediate: file.count("intermediate_size"),
    epsilon: file.positive("layer_norm_eps", 1e-12),
    positions: file.count("max_position_embeddings"),
    segments: file.count("type_vocab_size"),
    vocabulary: file.count("vocab_size"),
  };
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: BertConfig;
}

function buildBert(build: Build, ids: string): string {
  let states = addEmbeddings(build, ids);
  for (let layer = 0; layer < build.config.layers; layer += 1) {
    const attended = addAttention(build, states, layer);
    states = addFeedForward(build, attended, layer);
  }
  return states;
}

/** Word + position + segment, normalised. A text has one segment, so its row is folded into the position table. */
function addEmbeddings({ graph, weights, config }: Build, ids: string): string {
  const { hidden, vocabulary, positions, segments, epsilon } = config;
  const table = (name: string, rows: number) => weights.tensor(`embeddings.${name}_embeddings.weight`, [rows, hidden]);
  const norm = affine(weights, "embeddings.LayerNorm", [hidden]);
  const inputs = [
    ids,
    "",
    addWeight(graph, "embeddings.words", table("word", vocabulary)),
    addWeight(graph, "embeddings.positions", plusFirstRow(table("position", positions), table("token_type", segments))),
    "",
    addWeight(graph, "embeddings.norm.weight", norm.weight),
    addWeight(graph, "embeddings.norm.bias", norm.bias),
  ];
  const outputs = ["embeddings", "embeddings.mask"];
  const attributes = { epsilon: { float: epsilon } };
  return graph.node("embeddings", "EmbedLayerNormalization", { domain: microsoft, inputs, outputs, attributes });
}

function addAttention({ graph, weights, config }: Build, states: string, layer: number): string {
  const { hidden, heads, epsilon } = config;
  const source = `encoder.layer.${layer}.attention`;
  const name = `layer.${layer}.attention`;
  const parts = ["query", "key", "value"].map((part) => affine(weights, `${source}.self.${part}`, [hidden, hidden]));
  const mixed = addSelfAttention(graph, `${name}.heads`, { input: states, parts, heads });
  const output = affine(weights, `${source}.output.dense`, [hidden, hidden]);
  const input = addLinear(graph, `${name}.output`, { input: mixed, ...output });
  const norm = affine(weights, `${source}.output.LayerNorm`, [hidden]);
  return addResidualNorm(graph, `${name}.norm`, { input, residual: states, epsilon, ...norm });
}

function addFeedForward({ graph, weights, config }: Build, states: string, layer: number): string {
  const { hidden, intermediate, activation, epsilon } = config;
  const source = `encoder.layer.${layer}`;
  const name = `layer.${layer}.feed-forward`;
  const inner = affine(weights, `${source}.intermediate.dense`, [intermediate, hidden]);
  const widened = addLinear(graph, `${name}.inner`, { input: states, ...inner });
  const activated = addActivation(graph, `${name}.activation`, { input: widened, activation });
  const outer = affine(weights, `${source}.output.dense`, [hidden, intermediate]);
  const input = addLinear(graph, `${name}.outer`, { input: activated, ...outer });
  const norm = affine(weights, `${source}.output.LayerNorm`, [hidden]);
  return addResidualNorm(graph, `${name}.norm`, { input, residual: states, epsilon, ...norm });
}

/** Weight of the given shape and bias as long as the weight's first axis. */
function affine(weights: Weights, name: string, shape: readonly [number, ...number[]]): Affine {
  return { weight: weights.tensor(`${name}.weight`, shape), bias: weights.tensor(`${name}.bias`, [shape[0]]) };
}
