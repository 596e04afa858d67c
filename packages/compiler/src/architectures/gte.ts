import type { GraphBuilder } from "../graph/builder.js";
import { isRecord, type JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
import { plusFirstRow, rowsFrom } from "../weights/transforms.js";
import type { EncoderPlan } from "./architecture.js";
import { addNorm, addWordStates, type Linear, readActivation, readHeads } from "./layers.js";
import { affine } from "./post-norm.js";
import { plainRotary, type Rotary, readRotary } from "./rotary.js";
import { addRotaryPostNormLayer, type RotaryPostNormConfig, type RotaryPostNormLayer } from "./rotary-post-norm.js";

interface GteConfig extends RotaryPostNormConfig {
  readonly layers: number;
  readonly intermediate: number;
  /** 0 for a model without segments. */
  readonly segments: number;
  readonly vocabulary: number;
}

/** GTE 1.5 and multilingual: BERT with rotary positions and a gated feed-forward. */
export function planGte(file: JsonFile): EncoderPlan {
  const config = readConfig(file);
  return {
    dimensions: config.hidden,
    maxTokens: config.positions,
    vocabularySize: config.vocabulary,
    prefixes: ["new.", "gte."],
    hasSpecialTokens: true,
    barePooling: "mean",
    build: (graph, weights, ids) => buildGte({ graph, weights, config }, ids),
  };
}

/** Settings of the authors' own code that change the graph, and the values this one is written for. */
const ownSettings: Readonly<Record<string, unknown>> = {
  layer_norm_type: "layer_norm",
  logn_attention_scale: false,
  pack_qkv: true,
  position_embedding_type: "rope",
};

function readConfig(file: JsonFile): GteConfig {
  for (const [field, value] of Object.entries(ownSettings))
    if ((file.values[field] ?? value) !== value) throw file.unsupported(field, [JSON.stringify(value)]);
  const { hidden, heads } = readHeads(file, "hidden_size", "num_attention_heads");
  return {
    hidden,
    heads,
    layers: file.count("num_hidden_layers"),
    intermediate: file.count("intermediate_size"),
    activation: readActivation(file, "hidden_act", "gelu"),
    epsilon: file.positive("layer_norm_eps", 1e-12),
    positions: file.count("max_position_embeddings"),
    segments: file.values.type_vocab_size === 0 ? 0 : file.positive("type_vocab_size", 1),
    vocabulary: file.count("vocab_size"),
    rotary: readScaledRotary(file, hidden / heads),
  };
}

/**
 * The authors' own code stretches angles for long texts in a way of its own, called `ntk`: theta times the factor, and all
 * angles divided by factor^(2 / width of a head), https://kexue.fm/archives/9706.
 */
function readScaledRotary(file: JsonFile, width: number): Rotary {
  const { rope_scaling: scaling } = file.values;
  if (!isRecord(scaling) || scaling.type !== "ntk") return readRotary(file, { theta: 160_000 });
  const { factor } = scaling;
  if (typeof factor !== "number" || !(factor > 0) || (scaling.mixed_b ?? null) !== null)
    throw file.unsupported("rope_scaling", ['{"type": "ntk", "factor": a number above 0}']);
  return plainRotary(file.positive("rope_theta", 10_000) * factor, factor ** (2 / width));
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: GteConfig;
}

/** A text has one segment, so its row is folded into the words' table. */
function buildGte({ graph, weights, config }: Build, ids: string): string {
  const { hidden, vocabulary, segments, epsilon, layers } = config;
  const words = weights.tensor("embeddings.word_embeddings.weight", [vocabulary, hidden]);
  const segment = segments > 0 && weights.tensor("embeddings.token_type_embeddings.weight", [segments, hidden]);
  const table = segment ? plusFirstRow(words, segment) : words;
  const input = addWordStates(graph, "words", { ids, table });
  let states = addNorm(graph, "embeddings", { input, ...affine(weights, "embeddings.LayerNorm", [hidden]), epsilon });
  for (let layer = 0; layer < layers; layer += 1) {
    const parts = partsOf(weights, config, `encoder.layer.${layer}`);
    states = addRotaryPostNormLayer(graph, `layer.${layer}`, states, { config, parts });
  }
  return states;
}

function partsOf(weights: Weights, { hidden, intermediate }: GteConfig, source: string): RotaryPostNormLayer {
  const { weight, bias } = affine(weights, `${source}.attention.qkv_proj`, [3 * hidden, hidden]);
  const projection = (index: number): Linear => {
    const [first, end] = [index * hidden, (index + 1) * hidden];
    return { weight: rowsFrom(weight, first, end), bias: rowsFrom(bias, first, end) };
  };
  const wide = weights.tensor(`${source}.mlp.up_gate_proj.weight`, [2 * intermediate, hidden]);
  return {
    query: projection(0),
    key: projection(1),
    value: projection(2),
    mixed: affine(weights, `${source}.attention.o_proj`, [hidden, hidden]),
    attentionNorm: affine(weights, `${source}.attn_ln`, [hidden]),
    gate: { weight: rowsFrom(wide, intermediate) },
    inner: { weight: rowsFrom(wide, 0, intermediate) },
    outer: affine(weights, `${source}.mlp.down_proj`, [hidden, intermediate]),
    outputNorm: affine(weights, `${source}.mlp_ln`, [hidden]),
  };
}
