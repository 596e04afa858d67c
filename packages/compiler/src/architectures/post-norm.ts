import { type GraphBuilder, microsoft } from "../graph/builder.js";
import type { LazyTensor, Weights } from "../weights/checkpoint.js";
import { type Affine, addActivation, addLinear, addResidualNorm, addSelfAttention, addWeight } from "./layers.js";

/** Sizes of an encoder whose layer norms stand after each residual. */
export interface PostNormConfig {
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly activation: string;
  readonly epsilon: number;
}

/** Names of a layer's tensors, without `.weight` and `.bias`, up to its feed-forward. */
export interface PostNormAttentionNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly mixed: string;
  readonly attentionNorm: string;
}

/** Those of its feed-forward. */
export interface PostNormFeedForwardNames {
  readonly inner: string;
  readonly outer: string;
  readonly outputNorm: string;
}

export interface PostNormNames extends PostNormAttentionNames, PostNormFeedForwardNames {}

export interface PostNormBuild {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: PostNormConfig;
  /** Added to every layer's attention scores: [1, heads, sequence, sequence]. */
  readonly scoreBias?: string;
}

/** Adds layers that attend, then widen and narrow each state: states [batch, sequence, hidden] → the same. */
export function addPostNormLayers(
  build: PostNormBuild,
  states: string,
  namesOf: (layer: number) => PostNormNames,
): string {
  let current = states;
  for (let layer = 0; layer < build.config.layers; layer += 1) {
    const names = namesOf(layer);
    const attended = addPostNormAttention(build, { states: current, name: `layer.${layer}.attention`, names });
    current = addPostNormFeedForward(build, { states: attended, name: `layer.${layer}.feed-forward`, names });
  }
  return current;
}

export interface PostNormPart<Names = PostNormAttentionNames> {
  readonly states: string;
  /** What the names of its nodes begin with. */
  readonly name: string;
  readonly names: Names;
}

/** LayerNorm(states + attention): [batch, sequence, hidden] → the same. */
export function addPostNormAttention(build: PostNormBuild, { states, name, names }: PostNormPart): string {
  const { graph, weights, config, scoreBias } = build;
  const { hidden, heads, epsilon } = config;
  const parts = [names.query, names.key, names.value].map((part) => affine(weights, part, [hidden, hidden]));
  const attention = { input: states, parts, heads, ...(scoreBias !== undefined && { scoreBias }) };
  const mixed = addSelfAttention(graph, `${name}.heads`, attention);
  const output = affine(weights, names.mixed, [hidden, hidden]);
  const input = addLinear(graph, `${name}.output`, { input: mixed, ...output });
  const norm = affine(weights, names.attentionNorm, [hidden]);
  return addResidualNorm(graph, `${name}.norm`, { input, residual: states, epsilon, ...norm });
}

/** LayerNorm(states + feed-forward): [batch, sequence, hidden] → the same. */
export function addPostNormFeedForward(
  { graph, weights, config }: PostNormBuild,
  { states, name, names }: PostNormPart<PostNormFeedForwardNames>,
): string {
  const { hidden, intermediate, activation, epsilon } = config;
  const inner = affine(weights, names.inner, [intermediate, hidden]);
  const widened = addLinear(graph, `${name}.inner`, { input: states, ...inner });
  const activated = addActivation(graph, `${name}.activation`, { input: widened, activation });
  const outer = affine(weights, names.outer, [hidden, intermediate]);
  const input = addLinear(graph, `${name}.outer`, { input: activated, ...outer });
  const norm = affine(weights, names.outputNorm, [hidden]);
  return addResidualNorm(graph, `${name}.norm`, { input, residual: states, epsilon, ...norm });
}

export interface EmbeddingsSpec {
  readonly ids: string;
  /** [vocabulary, hidden]. */
  readonly words: LazyTensor;
  /** [positions, hidden]; the first row is the first token's. */
  readonly positions: LazyTensor;
  /** Which of a table's rows [segments, hidden] each token has besides: ids [batch, sequence]. */
  readonly segments?: { readonly ids: string; readonly table: LazyTensor };
  readonly norm: Affine;
  readonly epsilon: number;
}

/** LayerNorm(word + position + segment): ids [batch, sequence] → states [batch, sequence, hidden]. */
export function addEmbeddings(graph: GraphBuilder, spec: EmbeddingsSpec): string {
  const { ids, words, positions, segments, norm, epsilon } = spec;
  const inputs = [
    ids,
    segments?.ids ?? "",
    addWeight(graph, "embeddings.words", words),
    addWeight(graph, "embeddings.positions", positions),
    segments === undefined ? "" : addWeight(graph, "embeddings.segments", segments.table),
    addWeight(graph, "embeddings.norm.weight", norm.weight),
    addWeight(graph, "embeddings.norm.bias", norm.bias),
  ];
  const outputs = ["embeddings", "embeddings.mask"];
  const attributes = { epsilon: { float: epsilon } };
  return graph.node("embeddings", "EmbedLayerNormalization", { domain: microsoft, inputs, outputs, attributes });
}

/** Weight of the given shape and bias as long as the weight's first axis. */
export function affine(weights: Weights, name: string, shape: readonly [number, ...number[]]): Affine {
  return { weight: weights.tensor(`${name}.weight`, shape), bias: weights.tensor(`${name}.bias`, [shape[0]]) };
}
