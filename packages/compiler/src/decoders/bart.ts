import {
  addActivation,
  addLinear,
  addNorm,
  addResidualNorm,
  addWeight,
  readActivation,
} from "../architectures/layers.js";
import { addPostNormLayers, affine, type PostNormConfig, type PostNormNames } from "../architectures/post-norm.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { LazyTensor, Weights } from "../weights/checkpoint.js";
import { rowsFrom } from "../weights/transforms.js";
import { addCachedAttention } from "./attention.js";
import type { DecoderInputs, DecoderStates, SequencePlan } from "./decoder.js";
import { addSourceAttention } from "./sources.js";
import { addWordHead, addWords, type Words } from "./words.js";

/** What tells the families apart whose layers are BART's. */
interface Family {
  /** Places of a text's tokens: [positions, hidden]. */
  readonly positions: (weights: Weights, side: Side, config: BartConfig) => LazyTensor;
  /** Whether embeddings are normalised before the first layer. */
  readonly hasEmbeddingNorm: boolean;
}

type Side = "encoder" | "decoder";

interface BartConfig {
  readonly encoder: PostNormConfig;
  readonly decoder: PostNormConfig;
  readonly hidden: number;
  readonly positions: number;
  readonly vocabulary: number;
  /** What words are multiplied by. */
  readonly wordScale: number;
  readonly family: Family;
}

/** Rows of BART's position tables before a text's first. */
const firstPosition = 2;

/** BART: an encoder and a decoder with layer norms after each residual and learned positions. */
export function planBart(file: JsonFile): SequencePlan {
  return planFamily(file, {
    hasEmbeddingNorm: true,
    positions: (weights, side, { positions, hidden }) =>
      rowsFrom(weights.tensor(`${side}.embed_positions.weight`, [positions + firstPosition, hidden]), firstPosition),
  });
}

/** Marian: BART's layers with sinusoidal positions, which no checkpoint holds. */
export function planMarian(file: JsonFile): SequencePlan {
  if (file.values.share_encoder_decoder_embeddings === false)
    throw file.unsupported("share_encoder_decoder_embeddings", ["true"]);
  return planFamily(file, { hasEmbeddingNorm: false, positions: (_, __, config) => sinusoids(config) });
}

function planFamily(file: JsonFile, family: Family): SequencePlan {
  if (file.values.tie_word_embeddings === false) throw file.unsupported("tie_word_embeddings", ["true"]);
  const config = readConfig(file, family);
  const { hidden, decoder, positions, vocabulary } = config;
  return {
    layers: decoder.layers,
    keyHeads: decoder.heads,
    headWidth: hidden / decoder.heads,
    vocabularySize: vocabulary,
    contextLength: positions,
    sourceLength: positions,
    prefixes: ["model."],
    buildEncoder: (graph, weights, ids) => buildEncoder({ graph, weights, config }, ids),
    sourceParts: (weights, layer) => {
      const part = (name: string) => affine(weights, `decoder.layers.${layer}.encoder_attn.${name}`, [hidden, hidden]);
      return { key: part("k_proj"), value: part("v_proj") };
    },
    build: (graph, weights, inputs) => buildDecoder({ graph, weights, config }, inputs),
  };
}

function readConfig(file: JsonFile, family: Family): BartConfig {
  const hidden = file.count("d_model");
  const activation = readActivation(file, "activation_function", "gelu");
  const side = (name: Side): PostNormConfig => {
    const heads = file.count(`${name}_attention_heads`);
    if (hidden % heads !== 0) throw file.invalid(`${name}_attention_heads`, `it must divide d_model ${hidden}`);
    const [layers, intermediate] = [file.count(`${name}_layers`), file.count(`${name}_ffn_dim`)];
    return { hidden, layers, heads, intermediate, activation, epsilon: 1e-5 };
  };
  return {
    encoder: side("encoder"),
    decoder: side("decoder"),
    hidden,
    positions: file.count("max_position_embeddings"),
    vocabulary: file.count("vocab_size"),
    wordScale: file.values.scale_embedding === true ? Math.fround(Math.sqrt(hidden)) : 1,
    family,
  };
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: BartConfig;
}

function buildEncoder(build: Build, ids: string): string {
  const { graph, weights, config } = build;
  const places = addWeight(graph, "positions.table", config.family.positions(weights, "encoder", config));
  const count = graph.node("positions.count", "Shape", { inputs: [ids], attributes: { start: { int: 1 } } });
  const [first, axis] = [graph.integers("first", [0]), graph.integers("rows-axis", [0])];
  const placed = graph.node("places", "Slice", { inputs: [places, first, count, axis] });
  const states = addEmbeddings(build, "encoder", { ids, placed });
  return addPostNormLayers({ graph, weights, config: config.encoder }, states, (layer) => namesOf("encoder", layer));
}

function buildDecoder(build: Build, inputs: DecoderInputs): DecoderStates {
  const { graph, weights, config } = build;
  const { vocabulary, family } = config;
  const places = addWeight(graph, "positions.table", family.positions(weights, "decoder", config));
  const placed = graph.node("places", "Gather", { inputs: [places, inputs.positions()] });
  let states = addEmbeddings(build, "decoder", { ids: inputs.ids, placed });
  for (let layer = 0; layer < config.decoder.layers; layer += 1) states = addLayer(build, states, { layer, inputs });
  const hasBias = weights.shapeOf("final_logits_bias") !== undefined;
  return {
    states,
    addHead: (name, wanted) => {
      if (!hasBias) return addWordHead(graph, name, wanted, wordsOf(build));
      const bias = addWeight(graph, "head.bias", weights.tensor("final_logits_bias", [1, vocabulary]));
      const product = addWordHead(graph, `${name}.product`, wanted, wordsOf(build));
      return graph.node(name, "Add", { inputs: [product, bias] });
    },
  };
}

function wordsOf({ weights, config: { vocabulary, hidden } }: Build): Words {
  return { table: weights.tensor("shared.weight", [vocabulary, hidden]), head: undefined };
}

/** Words and places: [rows, tokens, hidden]. */
function addEmbeddings(build: Build, side: Side, { ids, placed }: { ids: string; placed: string }): string {
  const { graph, weights, config } = build;
  const { hidden, wordScale, family } = config;
  const words = addWords(graph, ids, wordsOf(build));
  const scaled =
    wordScale === 1
      ? words
      : graph.node("words.scaled", "Mul", { inputs: [words, graph.scalar("word-scale", wordScale)] });
  const sum = graph.node("embeddings.sum", "Add", { inputs: [scaled, placed] });
  if (!family.hasEmbeddingNorm) return sum;
  const norm = affine(weights, `${side}.layernorm_embedding`, [hidden]);
  return addNorm(graph, "embeddings", { input: sum, epsilon: config[side].epsilon, ...norm });
}

function namesOf(side: Side, layer: number): PostNormNames {
  const name = `${side}.layers.${layer}`;
  return {
    query: `${name}.self_attn.q_proj`,
    key: `${name}.self_attn.k_proj`,
    value: `${name}.self_attn.v_proj`,
    mixed: `${name}.self_attn.out_proj`,
    attentionNorm: `${name}.self_attn_layer_norm`,
    inner: `${name}.fc1`,
    outer: `${name}.fc2`,
    outputNorm: `${name}.final_layer_norm`,
  };
}

interface Layer {
  readonly layer: number;
  readonly inputs: DecoderInputs;
}

function addLayer(build: Build, states: string, { layer, inputs }: Layer): string {
  const { graph, weights, config } = build;
  const { hidden, heads, intermediate, activation, epsilon } = config.decoder;
  const [names, name] = [namesOf("decoder", layer), `layer.${layer}`];
  const linear = (part: string, input: string, [source, outputs, inputsOf]: readonly [string, number, number]) =>
    addLinear(graph, `${name}.${part}`, { input, ...affine(weights, source, [outputs, inputsOf]) });
  const after = (part: string, input: string, residual: string, source: string) =>
    addResidualNorm(graph, `${name}.${part}.norm`, { input, residual, epsilon, ...affine(weights, source, [hidden]) });
  const square = (part: string, input: string, source: string) => linear(part, input, [source, hidden, hidden]);
  const mixed = addCachedAttention(graph, `${name}.attention.heads`, {
    layer,
    query: square("attention.query", states, names.query),
    key: square("attention.key", states, names.key),
    value: square("attention.value", states, names.value),
    heads,
    keyHeads: heads,
    width: hidden / heads,
    inputs,
  });
  const attended = after("attention", square("attention.output", mixed, names.mixed), states, names.attentionNorm);
  const cross = `decoder.layers.${layer}.encoder_attn`;
  const read = addSourceAttention(graph, `${name}.sources.heads`, {
    layer,
    query: square("sources.query", attended, `${cross}.q_proj`),
    heads,
  });
  const informed = after(
    "sources",
    square("sources.output", read, `${cross}.out_proj`),
    attended,
    `${cross}_layer_norm`,
  );
  const widened = linear("feed-forward.inner", informed, [names.inner, intermediate, hidden]);
  const activated = addActivation(graph, `${name}.feed-forward.activation`, { input: widened, activation });
  const narrowed = linear("feed-forward.outer", activated, [names.outer, hidden, intermediate]);
  return after("feed-forward", narrowed, informed, names.outputNorm);
}

/** Sines in the first half of a place's floats, cosines in the second; pair j turns by 10,000^(−2j / hidden) a position. */
function sinusoids({ positions, hidden }: BartConfig): LazyTensor {
  const half = Math.ceil(hidden / 2);
  const load = async () =>
    Float32Array.from({ length: positions * hidden }, (_, at) => {
      const [position, place] = [Math.floor(at / hidden), at % hidden];
      const pair = place < half ? place : place - half;
      const angle = position / 10_000 ** ((2 * pair) / hidden);
      return place < half ? Math.sin(angle) : Math.cos(angle);
    });
  return { shape: [positions, hidden], load };
}
