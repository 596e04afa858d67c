import { type GraphBuilder, microsoft } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
import type { EncoderPlan } from "./architecture.js";
import { bertLayerNames } from "./bert.js";
import { addDistanceIndex, addDistanceScores, addExchanged, type DistanceSpan, distanceTable } from "./disentangled.js";
import { addLinear, addNorm, addResidualNorm, addWordStates, readActivation, readHeads } from "./layers.js";
import { addPostNormFeedForward, affine, type PostNormConfig } from "./post-norm.js";

interface DebertaConfig extends PostNormConfig, DistanceSpan {
  readonly vocabulary: number;
  readonly hasDistanceNorm: boolean;
  /** Distances are projected by the layers' own queries and keys. */
  readonly sharesProjections: boolean;
  /** Queries are multiplied with distances (c2p), and so are keys (p2c). */
  readonly looksAt: { readonly keys: boolean; readonly queries: boolean };
}

/**
 * DeBERTa 2 and 3 (He et al. 2021): BERT's layers, whose scores are the sum of three products: of queries with keys, of
 * queries with what stands for the keys' distance, and of keys with what stands for the queries'.
 */
export function planDeberta(file: JsonFile): EncoderPlan {
  const config = readConfig(file);
  return {
    dimensions: config.hidden,
    maxTokens: config.maxTokens,
    vocabularySize: config.vocabulary,
    prefixes: ["deberta."],
    hasSpecialTokens: true,
    barePooling: "mean",
    build: (graph, weights, ids) => buildDeberta({ graph, weights, config }, ids),
  };
}

function readConfig(file: JsonFile): DebertaConfig {
  const { hidden, heads } = readHeads(file, "hidden_size", "num_attention_heads");
  requireOwn(file, { embedding_size: hidden, attention_head_size: hidden / heads, conv_kernel_size: 0 });
  requireOwn(file, { position_biased_input: false, relative_attention: true, type_vocab_size: 0 });
  const kinds = partsOf(file.values.pos_att_type);
  return {
    hidden,
    heads,
    layers: file.count("num_hidden_layers"),
    intermediate: file.count("intermediate_size"),
    activation: readActivation(file, "hidden_act", "gelu"),
    epsilon: file.positive("layer_norm_eps", 1e-7),
    vocabulary: file.count("vocab_size"),
    ...readSpan(file),
    hasDistanceNorm: partsOf(file.values.norm_rel_ebd).includes("layer_norm"),
    sharesProjections: file.values.share_att_key === true,
    looksAt: { keys: kinds.includes("c2p"), queries: kinds.includes("p2c") },
  };
}

/** Settings that change the graph, with the values this one is written for. */
function requireOwn(file: JsonFile, settings: Readonly<Record<string, unknown>>): void {
  for (const [field, value] of Object.entries(settings))
    if ((file.values[field] ?? value) !== value) throw file.unsupported(field, [JSON.stringify(value)]);
}

/** Numbers below 1 stand for "not said". */
function readSpan(file: JsonFile): DistanceSpan {
  const { max_relative_positions: reach = -1, position_buckets: buckets = -1 } = file.values;
  const maxTokens = file.count("max_position_embeddings");
  const farthest = typeof reach === "number" && reach >= 1 ? reach : maxTokens;
  if (typeof buckets !== "number" || buckets < 1) return { maxTokens, span: farthest, farthest: undefined };
  return { maxTokens, span: buckets, farthest };
}

/** A list, or its parts with bars between them. */
function partsOf(value: unknown): readonly string[] {
  const parts: readonly unknown[] = Array.isArray(value) ? value : String(value ?? "").split("|");
  return parts.map((part) => String(part).trim().toLowerCase());
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: DebertaConfig;
}

function buildDeberta(build: Build, ids: string): string {
  const { graph, weights, config } = build;
  const { hidden, vocabulary, epsilon, layers, looksAt } = config;
  const table = weights.tensor("embeddings.word_embeddings.weight", [vocabulary, hidden]);
  const input = addWordStates(graph, "words", { ids, table });
  const norm = affine(weights, "embeddings.LayerNorm", [hidden]);
  let states = addNorm(graph, "embeddings", { input, ...norm, epsilon });
  const index = looksAt.keys || looksAt.queries ? addDistanceIndex(graph, states, { ...config, ids }) : undefined;
  for (let layer = 0; layer < layers; layer += 1) {
    const attended = addAttention(build, states, { layer, index });
    const part = { states: attended, name: `layer.${layer}.feed-forward`, names: bertLayerNames(layer) };
    states = addPostNormFeedForward(build, part);
  }
  return states;
}

interface Layer {
  readonly layer: number;
  /** Of keys' distances from queries; undefined where nothing looks at them. */
  readonly index: string | undefined;
}

function addAttention(build: Build, states: string, place: Layer): string {
  const { graph, weights, config } = build;
  const { hidden, heads, epsilon } = config;
  const [source, name] = [`encoder.layer.${place.layer}.attention`, `layer.${place.layer}.attention`];
  const project = (part: string) => {
    const projection = affine(weights, `${source}.self.${part}_proj`, [hidden, hidden]);
    return addLinear(graph, `${name}.heads.${part}`, { input: states, ...projection });
  };
  const [query, key, value] = [project("query"), project("key"), project("value")];
  const bias = addDistanceProducts(build, { query, key, ...place });
  const mixed = graph.node(`${name}.heads`, "MultiHeadAttention", {
    domain: microsoft,
    inputs: [query, key, value, ...(bias === undefined ? [] : ["", "", bias])],
    attributes: { num_heads: { int: heads }, scale: { float: scaleOf(config) } },
  });
  const output = affine(weights, `${source}.output.dense`, [hidden, hidden]);
  const input = addLinear(graph, `${name}.output`, { input: mixed, ...output });
  const norm = affine(weights, `${source}.output.LayerNorm`, [hidden]);
  return addResidualNorm(graph, `${name}.norm`, { input, residual: states, epsilon, ...norm });
}

/** One by the root of a head's floats times the number of products. */
function scaleOf({ hidden, heads, looksAt }: DebertaConfig): number {
  return 1 / Math.sqrt((hidden / heads) * (1 + Number(looksAt.keys) + Number(looksAt.queries)));
}

interface Products extends Layer {
  readonly query: string;
  readonly key: string;
}

/** What distances add to the scores: [batch, heads, sequence, sequence]. */
function addDistanceProducts(build: Build, { query, key, layer, index }: Products): string | undefined {
  if (index === undefined) return undefined;
  const { graph, config } = build;
  const name = `layer.${layer}.attention`;
  const toKeys = { states: query, table: tableOf(build, layer, "key"), index };
  const keys = config.looksAt.keys ? addDistanceScores(graph, `${name}.keys`, toKeys) : undefined;
  if (!config.looksAt.queries) return keys;
  const exchanged = addExchanged(graph, `${name}.exchanged`, index);
  const toQueries = { states: key, table: tableOf(build, layer, "query"), index: exchanged };
  const scores = addDistanceScores(graph, `${name}.queries`, toQueries);
  const queries = addExchanged(graph, `${name}.queries.exchanged`, scores);
  return keys === undefined ? queries : graph.node(`${name}.distances`, "Add", { inputs: [keys, queries] });
}

function tableOf({ weights, config }: Build, layer: number, part: "query" | "key") {
  const { hidden, heads, span, epsilon, hasDistanceNorm, sharesProjections } = config;
  const projection = sharesProjections ? `${part}_proj` : `pos_${part}_proj`;
  return distanceTable({
    embeddings: weights.tensor("encoder.rel_embeddings.weight", [2 * span, hidden]),
    ...(hasDistanceNorm && { norm: { ...affine(weights, "encoder.LayerNorm", [hidden]), epsilon } }),
    projection: affine(weights, `encoder.layer.${layer}.attention.self.${projection}`, [hidden, hidden]),
    heads,
    scale: scaleOf(config),
  });
}
