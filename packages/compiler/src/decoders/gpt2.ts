import {
  addActivation,
  addLinear,
  addNorm,
  addSum,
  addWeight,
  type Linear,
  readActivation,
  readHeads,
} from "../architectures/layers.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
import { transposed } from "../weights/transforms.js";
import { addCachedAttention } from "./attention.js";
import type { DecoderInputs, DecoderPlan, DecoderStates } from "./decoder.js";
import { addWordHead, addWords } from "./words.js";

interface Gpt2Config {
  readonly hidden: number;
  readonly heads: number;
  readonly layers: number;
  readonly intermediate: number;
  readonly activation: string;
  readonly epsilon: number;
  readonly positions: number;
  readonly vocabulary: number;
}

/** GPT-2: learned positions, layer norms before attention and feed-forward, one product for query, key and value. */
export function planGpt2(file: JsonFile): DecoderPlan {
  const config = readConfig(file);
  const { layers, heads, hidden, vocabulary, positions } = config;
  return {
    layers,
    keyHeads: heads,
    headWidth: hidden / heads,
    vocabularySize: vocabulary,
    contextLength: positions,
    prefixes: ["transformer."],
    build: (graph, weights, inputs) => buildGpt2({ graph, weights, config, inputs }),
  };
}

function readConfig(file: JsonFile): Gpt2Config {
  if (file.values.scale_attn_weights === false) throw file.unsupported("scale_attn_weights", ["true"]);
  for (const field of ["scale_attn_by_inverse_layer_idx", "add_cross_attention"])
    if (file.values[field]) throw file.unsupported(field, ["false"]);
  if (file.values.tie_word_embeddings === false) throw file.unsupported("tie_word_embeddings", ["true"]);
  const sizes = readHeads(file, "n_embd", "n_head");
  return {
    ...sizes,
    layers: file.count("n_layer"),
    intermediate: (file.values.n_inner ?? null) === null ? 4 * sizes.hidden : file.count("n_inner"),
    activation: readActivation(file, "activation_function", "gelu_new"),
    epsilon: file.positive("layer_norm_epsilon", 1e-5),
    positions: file.count("n_positions"),
    vocabulary: file.count("vocab_size"),
  };
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: Gpt2Config;
  readonly inputs: DecoderInputs;
}

function buildGpt2(build: Build): DecoderStates {
  const { graph, weights, config, inputs } = build;
  const { hidden, vocabulary, positions, layers } = config;
  const words = { table: weights.tensor("wte.weight", [vocabulary, hidden]), head: undefined };
  const places = addWeight(graph, "positions.table", weights.tensor("wpe.weight", [positions, hidden]));
  const placed = graph.node("places", "Gather", { inputs: [places, inputs.positions()] });
  let states = addSum(graph, "embeddings", addWords(graph, inputs.ids, words), placed);
  for (let layer = 0; layer < layers; layer += 1) states = addLayer(build, states, layer);
  return {
    states: norm(build, "states", states, "ln_f"),
    addHead: (name, wanted) => addWordHead(graph, name, wanted, words),
  };
}

function addLayer(build: Build, states: string, layer: number): string {
  const { graph, config, inputs } = build;
  const { hidden, heads, intermediate, activation } = config;
  const [source, name] = [`h.${layer}`, `layer.${layer}`];
  const joined = addLinear(graph, `${name}.attention.heads.joined`, {
    input: norm(build, `${name}.attention.norm`, states, `${source}.ln_1`),
    ...linear(build, `${source}.attn.c_attn`, [hidden, 3 * hidden]),
  });
  const spec = { layer, query: joined, key: "", value: "", heads, keyHeads: heads, width: hidden / heads, inputs };
  const attention = addLinear(graph, `${name}.attention.output`, {
    input: addCachedAttention(graph, `${name}.attention.heads`, spec),
    ...linear(build, `${source}.attn.c_proj`, [hidden, hidden]),
  });
  const attended = addSum(graph, `${name}.attention`, states, attention);
  const widened = addLinear(graph, `${name}.feed-forward.inner`, {
    input: norm(build, `${name}.feed-forward.norm`, attended, `${source}.ln_2`),
    ...linear(build, `${source}.mlp.c_fc`, [hidden, intermediate]),
  });
  const narrowed = addLinear(graph, `${name}.feed-forward`, {
    input: addActivation(graph, `${name}.feed-forward.activation`, { input: widened, activation }),
    ...linear(build, `${source}.mlp.c_proj`, [intermediate, hidden]),
  });
  return addSum(graph, name, attended, narrowed);
}

/** GPT-2 stores weights as [inputs, outputs]. */
function linear({ weights }: Build, name: string, [inputs, outputs]: readonly [number, number]): Linear {
  const weight = transposed(weights.tensor(`${name}.weight`, [inputs, outputs]));
  return { weight, bias: weights.tensor(`${name}.bias`, [outputs]) };
}

function norm({ graph, weights, config }: Build, name: string, input: string, source: string): string {
  const [weight, bias] = [
    weights.tensor(`${source}.weight`, [config.hidden]),
    weights.tensor(`${source}.bias`, [config.hidden]),
  ];
  return addNorm(graph, name, { input, weight, bias, epsilon: config.epsilon });
}
