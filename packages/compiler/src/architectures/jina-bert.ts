import type { GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
import { plusFirstRow, rowsFrom } from "../weights/transforms.js";
import type { EncoderPlan } from "./architecture.js";
import { addDistanceTable } from "./distance-bias.js";
import { addGatedFeedForward, addNorm, addResidualNorm, addWordStates, readHeads } from "./layers.js";
import { addPostNormAttention, affine, type PostNormAttentionNames, type PostNormConfig } from "./post-norm.js";

interface JinaBertConfig extends PostNormConfig {
  readonly positions: number;
  readonly segments: number;
  readonly vocabulary: number;
}

/** Activations of the gate, by what the authors' own code calls the feed-forward. */
const gates: Readonly<Record<string, string>> = { geglu: "gelu", reglu: "relu" };

/**
 * Jina's BERT (jina-embeddings-v2): gated feed-forward, and in place of positions a penalty that grows with the distance of
 * two tokens (ALiBi, Press et al. 2022), to both sides.
 */
export function planJinaBert(file: JsonFile): EncoderPlan {
  const config = readConfig(file);
  return {
    dimensions: config.hidden,
    maxTokens: config.positions,
    vocabularySize: config.vocabulary,
    prefixes: ["bert."],
    hasSpecialTokens: true,
    barePooling: "mean",
    build: (graph, weights, ids) => buildJinaBert({ graph, weights, config }, ids),
  };
}

function readConfig(file: JsonFile): JinaBertConfig {
  const activation = gates[file.text("feed_forward_type", "original")];
  if (activation === undefined) throw file.unsupported("feed_forward_type", Object.keys(gates));
  return {
    ...readHeads(file, "hidden_size", "num_attention_heads"),
    layers: file.count("num_hidden_layers"),
    intermediate: file.count("intermediate_size"),
    activation,
    epsilon: file.positive("layer_norm_eps", 1e-12),
    positions: file.count("max_position_embeddings"),
    segments: file.count("type_vocab_size"),
    vocabulary: file.count("vocab_size"),
  };
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: JinaBertConfig;
}

/** A text has one segment, so its row is folded into the words' table. */
function buildJinaBert({ graph, weights, config }: Build, ids: string): string {
  const { hidden, vocabulary, segments, epsilon, layers, heads, positions } = config;
  const words = weights.tensor("embeddings.word_embeddings.weight", [vocabulary, hidden]);
  const segment = weights.tensor("embeddings.token_type_embeddings.weight", [segments, hidden]);
  const input = addWordStates(graph, "words", { ids, table: plusFirstRow(words, segment) });
  const norm = affine(weights, "embeddings.LayerNorm", [hidden]);
  let states = addNorm(graph, "embeddings", { input, ...norm, epsilon });
  const slopes = alibiSlopes(heads);
  const load = async () => (distance: number, head: number) => -Math.abs(distance) * (slopes[head] as number);
  const scoreBias = addDistanceTable(graph, states, { heads, maxTokens: positions, load });
  for (let layer = 0; layer < layers; layer += 1) {
    const names = attentionNames(layer);
    const part = { states, name: `layer.${layer}.attention`, names };
    states = addFeedForward(
      { graph, weights, config },
      addPostNormAttention({ graph, weights, config, scoreBias }, part),
      layer,
    );
  }
  return states;
}

function addFeedForward({ graph, weights, config }: Build, states: string, layer: number): string {
  const { hidden, intermediate, activation, epsilon } = config;
  const [source, name] = [`encoder.layer.${layer}.mlp`, `layer.${layer}.feed-forward`];
  const wide = weights.tensor(`${source}.gated_layers.weight`, [2 * intermediate, hidden]);
  const input = addGatedFeedForward(graph, name, {
    input: states,
    gate: { weight: rowsFrom(wide, 0, intermediate) },
    inner: { weight: rowsFrom(wide, intermediate) },
    outer: affine(weights, `${source}.wo`, [hidden, intermediate]),
    activation,
  });
  const norm = affine(weights, `${source}.layernorm`, [hidden]);
  return addResidualNorm(graph, `${name}.norm`, { input, residual: states, epsilon, ...norm });
}

function attentionNames(layer: number): PostNormAttentionNames {
  const name = `encoder.layer.${layer}.attention`;
  return {
    query: `${name}.self.query`,
    key: `${name}.self.key`,
    value: `${name}.self.value`,
    mixed: `${name}.output.dense`,
    attentionNorm: `${name}.output.LayerNorm`,
  };
}

/** A geometric series; where the heads are no power of two, the rest is every other one of the series for twice as many. */
function alibiSlopes(heads: number): readonly number[] {
  const whole = 2 ** Math.floor(Math.log2(heads));
  const first = Array.from({ length: whole }, (_, head) => 2 ** ((-8 * (head + 1)) / whole));
  if (whole === heads) return first;
  const between = alibiSlopes(2 * whole).filter((_, index) => index % 2 === 0);
  return [...first, ...between.slice(0, heads - whole)];
}
