import type { GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
import { plusFirstRow, rowsFrom } from "../weights/transforms.js";
import type { EncoderPlan } from "./architecture.js";
import { addNorm, addWordStates, type Linear, readActivation, readHeads } from "./layers.js";
import { affine } from "./post-norm.js";
import { plainRotary, readRotary } from "./rotary.js";
import { addRotaryPostNormLayer, type RotaryPostNormConfig, type RotaryPostNormLayer } from "./rotary-post-norm.js";

interface NomicBertConfig extends RotaryPostNormConfig {
  readonly layers: number;
  readonly intermediate: number;
  readonly segments: number;
  readonly vocabulary: number;
}

/** NomicBERT (nomic-embed-text): BERT with rotary positions, a gated feed-forward, and no biases but the norms'. */
export function planNomicBert(file: JsonFile): EncoderPlan {
  const config = "n_embd" in file.values ? readOwnConfig(file) : readConfig(file);
  return {
    dimensions: config.hidden,
    maxTokens: config.positions,
    vocabularySize: config.vocabulary,
    prefixes: ["nomic_bert.", "bert."],
    hasSpecialTokens: true,
    barePooling: "mean",
    build: (graph, weights, ids) => buildNomicBert({ graph, weights, config }, ids),
  };
}

/** As transformers writes it. */
function readConfig(file: JsonFile): NomicBertConfig {
  return {
    ...readHeads(file, "hidden_size", "num_attention_heads"),
    layers: file.count("num_hidden_layers"),
    intermediate: file.count("intermediate_size"),
    activation: readActivation(file, "hidden_act", "silu"),
    epsilon: file.positive("layer_norm_eps", 1e-12),
    positions: file.count("max_position_embeddings"),
    segments: file.count("type_vocab_size"),
    vocabulary: file.count("vocab_size"),
    rotary: readRotary(file, { theta: 1000 }),
  };
}

/** Settings of the authors' own code that change the graph, and the values this one is written for. */
const ownSettings: Readonly<Record<string, unknown>> = {
  causal: false,
  mlp_fc1_bias: false,
  mlp_fc2_bias: false,
  parallel_block: false,
  prenorm: false,
  qkv_proj_bias: false,
  rotary_emb_fraction: 1,
  rotary_emb_interleaved: false,
  rotary_emb_scale_base: null,
  use_rms_norm: false,
};
const ownActivations: Readonly<Record<string, string>> = { swiglu: "silu", geglu: "gelu" };

/** As the authors' own code writes it. Beyond the positions it was trained on its angles change with a text's length. */
function readOwnConfig(file: JsonFile): NomicBertConfig {
  for (const [field, value] of Object.entries(ownSettings))
    if ((file.values[field] ?? value) !== value) throw file.unsupported(field, [JSON.stringify(value)]);
  const activation = ownActivations[file.text("activation_function")];
  if (activation === undefined) throw file.unsupported("activation_function", Object.keys(ownActivations));
  return {
    ...readHeads(file, "n_embd", "n_head"),
    layers: file.count("n_layer"),
    intermediate: file.count("n_inner"),
    activation,
    epsilon: file.positive("layer_norm_epsilon", 1e-12),
    positions: Math.min(file.count("n_positions"), file.positive("max_trained_positions", 2048)),
    segments: file.count("type_vocab_size"),
    vocabulary: file.count("vocab_size"),
    rotary: plainRotary(file.positive("rotary_emb_base", 10_000)),
  };
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: NomicBertConfig;
}

/** A text has one segment, so its row is folded into the words' table. */
function buildNomicBert({ graph, weights, config }: Build, ids: string): string {
  const { hidden, vocabulary, segments, epsilon, layers } = config;
  const words = weights.tensor("embeddings.word_embeddings.weight", [vocabulary, hidden]);
  const segment = weights.tensor("embeddings.token_type_embeddings.weight", [segments, hidden]);
  const input = addWordStates(graph, "words", { ids, table: plusFirstRow(words, segment) });
  const norm = affine(weights, "emb_ln", [hidden]);
  let states = addNorm(graph, "embeddings", { input, ...norm, epsilon });
  for (let layer = 0; layer < layers; layer += 1) {
    const parts = partsOf(weights, config, `encoder.layers.${layer}`);
    states = addRotaryPostNormLayer(graph, `layer.${layer}`, states, { config, parts });
  }
  return states;
}

function partsOf(weights: Weights, { hidden, intermediate }: NomicBertConfig, source: string): RotaryPostNormLayer {
  const linear = (part: string, shape: readonly number[]): Linear => ({
    weight: weights.tensor(`${source}.${part}.weight`, shape),
  });
  const projections = linear("attn.Wqkv", [3 * hidden, hidden]).weight;
  const projection = (index: number) => ({ weight: rowsFrom(projections, index * hidden, (index + 1) * hidden) });
  return {
    query: projection(0),
    key: projection(1),
    value: projection(2),
    mixed: linear("attn.out_proj", [hidden, hidden]),
    attentionNorm: affine(weights, `${source}.norm1`, [hidden]),
    gate: linear("mlp.fc12", [intermediate, hidden]),
    inner: linear("mlp.fc11", [intermediate, hidden]),
    outer: linear("mlp.fc2", [hidden, intermediate]),
    outputNorm: affine(weights, `${source}.norm2`, [hidden]),
  };
}
