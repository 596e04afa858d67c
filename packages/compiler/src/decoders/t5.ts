import { bucketAway } from "../architectures/distance-bias.js";
import { addLinear, addSum, type Linear } from "../architectures/layers.js";
import {
  addT5FeedForward,
  addT5Norm,
  planT5 as planEncoder,
  readT5Config,
  type T5Build,
  type T5Config,
} from "../architectures/t5.js";
import { bytesOf, type GraphBuilder } from "../graph/builder.js";
import { elementTypes } from "../graph/schema.js";
import type { JsonFile } from "../json.js";
import { addCachedAttention } from "./attention.js";
import type { DecoderInputs, DecoderStates, SequencePlan } from "./decoder.js";
import { addSourceAttention } from "./sources.js";
import { addWordHead, addWords, type Words } from "./words.js";

interface DecoderConfig extends T5Config {
  /** What states are multiplied by before the head; the first T5 shares its table with the words and scales, later ones do not. */
  readonly headScale: number;
}

/** T5: the encoder that vectors are made with, and a decoder of the same parts that reads it. */
export function planT5(file: JsonFile): SequencePlan {
  const encoder = planEncoder(file);
  const config = readConfig(file);
  const { layers, heads, width, hidden, vocabulary, maxTokens } = config;
  return {
    layers,
    keyHeads: heads,
    headWidth: width,
    vocabularySize: vocabulary,
    contextLength: maxTokens,
    sourceLength: encoder.maxTokens,
    prefixes: ["transformer."],
    buildEncoder: (graph, weights, ids) => encoder.build(graph, weights, ids),
    sourceParts: (weights, layer) => {
      const part = (name: string): Linear => ({
        weight: weights.tensor(`${partOf(layer, 1)}.EncDecAttention.${name}.weight`, [heads * width, hidden]),
      });
      return { key: part("k"), value: part("v") };
    },
    build: (graph, weights, inputs) => buildDecoder({ graph, weights, config, inputs }),
  };
}

function readConfig(file: JsonFile): DecoderConfig {
  const config = readT5Config(file);
  const { num_decoder_layers: own, scale_decoder_outputs: isScaled, tie_word_embeddings: isTied } = file.values;
  return {
    ...config,
    layers: (own ?? null) === null ? config.layers : file.count("num_decoder_layers"),
    headScale: (isScaled ?? isTied) === false ? 1 : config.hidden ** -0.5,
  };
}

/** Of a decoder's layer: 0 attends to the past, 1 to the source, 2 is the feed-forward. */
function partOf(layer: number, part: number): string {
  return `decoder.block.${layer}.layer.${part}`;
}

interface Build extends T5Build {
  readonly config: DecoderConfig;
  readonly inputs: DecoderInputs;
}

function buildDecoder(build: Build): DecoderStates {
  const { graph, config, inputs } = build;
  const { layers, headScale } = config;
  const words = findWords(build);
  const scoreBias = addPastBias(build);
  let states = addWords(graph, inputs.ids, words);
  for (let layer = 0; layer < layers; layer += 1) {
    states = addPastAttention(build, states, { layer, scoreBias });
    states = addSources(build, states, layer);
    states = addT5FeedForward(build, states, { source: partOf(layer, 2), name: `layer.${layer}` });
  }
  return {
    states: addT5Norm(build, "states", states, "decoder.final_layer_norm"),
    addHead: (name, wanted) => {
      const scaled =
        headScale === 1
          ? wanted
          : graph.node("wanted.scaled", "Mul", { inputs: [wanted, graph.scalar("head-scale", headScale)] });
      return addWordHead(graph, name, scaled, words);
    },
  };
}

function findWords({ weights, config: { vocabulary, hidden } }: Build): Words {
  const find = (name: string) => weights.tensor(name, [vocabulary, hidden]);
  const table = ["shared.weight", "decoder.embed_tokens.weight"].find((name) => weights.shapeOf(name) !== undefined);
  const hasHead = weights.shapeOf("lm_head.weight") !== undefined;
  return { table: find(table ?? "shared.weight"), head: hasHead ? find("lm_head.weight") : undefined };
}

/** What heads add to the scores of a token and those before it, by how far they are: [rows, heads, tokens, longest]. */
function addPastBias({ graph, weights, config, inputs }: Build): string {
  const { heads, buckets } = config;
  const bias = weights.tensor(`${partOf(0, 0)}.SelfAttention.relative_attention_bias.weight`, [buckets.count, heads]);
  const load = async () => {
    const values = await bias.load();
    const byDistance = Float32Array.from({ length: (buckets.farthest + 1) * heads }, (_, at) => {
      const bucket = bucketAway(Math.floor(at / heads), buckets);
      return values[bucket * heads + (at % heads)] as number;
    });
    return bytesOf(byDistance);
  };
  const table = graph.constant({
    name: "distance-bias.table",
    type: "float32",
    shape: [buckets.farthest + 1, heads],
    load,
  });
  const distances = addDistances(graph, inputs, buckets.farthest);
  const found = graph.node("distance-bias.found", "Gather", { inputs: [table, distances] });
  return graph.node("distance-bias", "Transpose", { inputs: [found], attributes: { perm: { ints: [0, 3, 1, 2] } } });
}

/** How far each token stands after each of its row, at most `farthest`: int64 [rows, tokens, longest]. */
function addDistances(graph: GraphBuilder, inputs: DecoderInputs, farthest: number): string {
  const to = { to: { int: elementTypes.int64 } };
  const longest = graph.node("distances.longest", "Cast", { inputs: [inputs.longest], attributes: to });
  const [zero, one] = [graph.integer("zero", 0), graph.integer("one", 1)];
  const keys = graph.node("distances.keys", "Range", { inputs: [zero, longest, one] });
  const queries = graph.node("distances.queries", "Unsqueeze", {
    inputs: [inputs.positions(), graph.integers("last-axis", [-1])],
  });
  const apart = graph.node("distances.all", "Sub", { inputs: [queries, keys] });
  return graph.node("distances", "Clip", { inputs: [apart, zero, graph.integer("distances.farthest", farthest)] });
}

interface Layer {
  readonly layer: number;
  readonly scoreBias: string;
}

function addPastAttention(build: Build, states: string, { layer, scoreBias }: Layer): string {
  const { graph, config, inputs } = build;
  const { heads, width } = config;
  const [source, name] = [partOf(layer, 0), `layer.${layer}.attention`];
  const input = addT5Norm(build, `${name}.norm`, states, `${source}.layer_norm`);
  const project = (part: "query" | "key" | "value") =>
    addLinear(graph, `${name}.${part}`, { input, ...toHeads(build, `${source}.SelfAttention.${part[0]}`) });
  const mixed = addCachedAttention(graph, `${name}.heads`, {
    layer,
    query: project("query"),
    key: project("key"),
    value: project("value"),
    heads,
    keyHeads: heads,
    width,
    scale: 1,
    scoreBias,
    inputs,
  });
  return addOutput(build, states, { name, mixed, source: `${source}.SelfAttention.o` });
}

function addSources(build: Build, states: string, layer: number): string {
  const { graph, config } = build;
  const [source, name] = [partOf(layer, 1), `layer.${layer}.sources`];
  const input = addT5Norm(build, `${name}.norm`, states, `${source}.layer_norm`);
  const query = addLinear(graph, `${name}.query`, { input, ...toHeads(build, `${source}.EncDecAttention.q`) });
  const mixed = addSourceAttention(graph, `${name}.heads`, { layer, query, heads: config.heads, scale: 1 });
  return addOutput(build, states, { name, mixed, source: `${source}.EncDecAttention.o` });
}

function toHeads({ weights, config: { heads, width, hidden } }: Build, name: string): Linear {
  return { weight: weights.tensor(`${name}.weight`, [heads * width, hidden]) };
}

interface Output {
  readonly name: string;
  /** What the heads found. */
  readonly mixed: string;
  readonly source: string;
}

function addOutput({ graph, weights, config }: Build, states: string, { name, mixed, source }: Output): string {
  const { heads, width, hidden } = config;
  const weight = weights.tensor(`${source}.weight`, [hidden, heads * width]);
  return addSum(graph, name, states, addLinear(graph, `${name}.output`, { input: mixed, weight }));
}
