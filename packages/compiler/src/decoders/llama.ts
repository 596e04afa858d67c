import { MillraceError } from "@millrace/core";
import {
  addGatedFeedForward,
  addJointLinears,
  addLinear,
  addRootMeanSquareNorm,
  addSkipNorm,
  type LayerKind,
  type Linear,
  readLayerKinds,
} from "../architectures/layers.js";
import { type LlamaSizes, readLlamaSizes } from "../architectures/llama.js";
import { addRotaryTables } from "../architectures/rotary.js";
import { addHeadNorm } from "../architectures/rotary-attention.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";
import { addCachedAttention } from "./attention.js";
import type { DecoderInputs, DecoderPlan, DecoderStates } from "./decoder.js";
import { addWordHead, addWords, type Words } from "./words.js";

/** What tells the families apart whose layers are Llama's. */
interface Family {
  /** Biases of queries, keys and values, where no field of config.json says it. */
  readonly hasInputBias?: boolean;
  /** Norms over each head of queries and keys, before they are turned. */
  readonly hasHeadNorms?: boolean;
  /** From which layer on attention is limited to a window. */
  readonly firstSliding?: (file: JsonFile) => number;
}

interface LlamaConfig extends LlamaSizes {
  readonly layers: readonly LayerKind[];
  /** Tokens a sliding layer's token attends to, itself included. */
  readonly window: number;
  /** Pairs of neighbours are turned, as Meta's and GGUF's weights are arranged, not floats half a head apart. */
  readonly isInterleaved: boolean;
  readonly hasInputBias: boolean;
  readonly hasOutputBias: boolean;
  readonly hasInnerBias: boolean;
  readonly hasHeadNorms: boolean;
  /** Whether words and head share a table, where config.json says so. */
  readonly isTied: boolean | undefined;
}

/** Llama: root mean square norms before attention and a gated feed-forward, rotary positions, grouped queries. */
export function planLlama(file: JsonFile): DecoderPlan {
  return planFamily(file, {});
}

/** Mistral: Llama, perhaps with a sliding window in every layer. */
export function planMistral(file: JsonFile): DecoderPlan {
  const hasWindow = (file.values.sliding_window ?? null) !== null;
  return planFamily(file, { firstSliding: () => (hasWindow ? 0 : Number.POSITIVE_INFINITY) });
}

/** Qwen2: Llama with biases of queries, keys and values. */
export function planQwen2(file: JsonFile): DecoderPlan {
  return planFamily(file, { hasInputBias: true, firstSliding: firstSlidingOfQwen });
}

/** Qwen3: Llama with norms over each head of queries and keys. */
export function planQwen3Decoder(file: JsonFile): DecoderPlan {
  return planFamily(file, { hasHeadNorms: true, firstSliding: firstSlidingOfQwen });
}

function firstSlidingOfQwen(file: JsonFile): number {
  return file.values.use_sliding_window === true ? file.positive("max_window_layers", 28) : Number.POSITIVE_INFINITY;
}

function planFamily(file: JsonFile, family: Family): DecoderPlan {
  const config = readConfig(file, family);
  return {
    layers: config.layers.length,
    keyHeads: config.keyHeads,
    headWidth: config.width,
    vocabularySize: config.vocabulary,
    contextLength: config.positions,
    prefixes: ["model."],
    build: (graph, weights, inputs) => buildLlama({ graph, weights, config, inputs }),
  };
}

function readConfig(file: JsonFile, family: Family): LlamaConfig {
  const firstSliding = family.firstSliding?.(file) ?? Number.POSITIVE_INFINITY;
  const layers = readLayerKinds(file, (layer) => layer >= firstSliding);
  const hasBias = file.values.attention_bias === true;
  return {
    ...withOneRotary(file, readLlamaSizes(file)),
    layers,
    window: layers.includes("sliding_attention") ? file.count("sliding_window") : Number.POSITIVE_INFINITY,
    isInterleaved: file.values.rope_interleaved === true,
    hasInputBias: family.hasInputBias ?? hasBias,
    hasOutputBias: hasBias,
    hasInnerBias: file.values.mlp_bias === true,
    hasHeadNorms: family.hasHeadNorms ?? false,
    isTied: typeof file.values.tie_word_embeddings === "boolean" ? file.values.tie_word_embeddings : undefined,
  };
}

/** Keys lie in the cache as they were turned, so that a row cannot be turned otherwise once it is long. */
function withOneRotary({ path }: JsonFile, sizes: LlamaSizes): LlamaSizes {
  if (sizes.rotary.long === undefined) return sizes;
  const why = "its positions are turned otherwise in long texts, and keys are kept as they were turned";
  throw new MillraceError("E_MODEL_UNSUPPORTED", `cannot compile ${path}`, { why });
}

interface Build {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly config: LlamaConfig;
  readonly inputs: DecoderInputs;
}

function buildLlama(build: Build): DecoderStates {
  const { graph, config, inputs } = build;
  const words = findWords(build);
  let states: States = { residual: addWords(graph, inputs.ids, words) };
  for (const [layer, kind] of config.layers.entries()) states = addLayer(build, states, { layer, kind });
  return {
    states: addNormed(build, "states", { states, source: "norm" }).normed,
    addHead: (name, wanted) => addWordHead(graph, name, wanted, words),
  };
}

function findWords({ weights, config: { vocabulary, hidden, isTied } }: Build): Words {
  const hasHead = isTied === undefined ? weights.shapeOf("lm_head.weight") !== undefined : !isTied;
  return {
    table: weights.tensor("embed_tokens.weight", [vocabulary, hidden]),
    head: hasHead ? weights.tensor("lm_head.weight", [vocabulary, hidden]) : undefined,
  };
}

/** States before the last addition, which the next norm makes. */
interface States {
  readonly residual: string;
  readonly addend?: string;
}

interface Layer {
  readonly layer: number;
  readonly kind: LayerKind;
}

function addLayer(build: Build, states: States, { layer, kind }: Layer): States {
  const { graph, config } = build;
  const { hidden, heads, width, intermediate, activation, hasOutputBias, hasInnerBias } = config;
  const [source, name] = [`layers.${layer}`, `layer.${layer}`];
  const before = addNormed(build, `${name}.attention.norm`, { states, source: `${source}.input_layernorm` });
  const output = linear(build, `${source}.self_attn.o_proj`, {
    shape: [hidden, heads * width],
    hasBias: hasOutputBias,
  });
  const attention = addLinear(graph, `${name}.attention.output`, {
    input: addAttention(build, before.normed, { layer, kind }),
    ...output,
  });
  const { sum, normed } = addNormed(build, `${name}.feed-forward.norm`, {
    states: { residual: before.sum, addend: attention },
    source: `${source}.post_attention_layernorm`,
  });
  const inner = (part: string, shape: readonly [number, number]) =>
    linear(build, `${source}.mlp.${part}`, { shape, hasBias: hasInnerBias });
  const narrowed = addGatedFeedForward(graph, `${name}.feed-forward`, {
    input: normed,
    gate: inner("gate_proj", [intermediate, hidden]),
    inner: inner("up_proj", [intermediate, hidden]),
    outer: inner("down_proj", [hidden, intermediate]),
    activation,
    isJoint: true,
  });
  return { residual: sum, addend: narrowed };
}

function addAttention(build: Build, input: string, { layer, kind }: Layer): string {
  const { graph, weights, config, inputs } = build;
  const { hidden, heads, keyHeads, width, hasInputBias, hasHeadNorms, epsilon, positions } = config;
  const [source, name] = [`layers.${layer}.self_attn`, `layer.${layer}.attention.heads`];
  const project = (letter: "q" | "k" | "v", count: number) =>
    linear(build, `${source}.${letter}_proj`, { shape: [count * width, hidden], hasBias: hasInputBias });
  const parts = { query: project("q", heads), key: project("k", keyHeads), value: project("v", keyHeads) };
  const [query = "", key = "", value = ""] = addJointLinears(graph, name, { input, parts });
  const normed = (letter: "q" | "k", projected: string, count: number) => {
    if (!hasHeadNorms) return projected;
    const weight = weights.tensor(`${source}.${letter}_norm.weight`, [width]);
    return addHeadNorm(graph, `${projected}.norm`, projected, { weight, epsilon, heads: count, width });
  };
  const divisors = weights.shapeOf(divisorsName) && weights.tensor(divisorsName, [width / 2]);
  const tables = addRotaryTables(graph, { ...config.rotary, table: "rotary", width, positions, divisors });
  return addCachedAttention(graph, name, {
    layer,
    query: normed("q", query, heads),
    key: normed("k", key, keyHeads),
    value,
    heads,
    keyHeads,
    width,
    rotary: { tables, isInterleaved: config.isInterleaved },
    ...(kind === "sliding_attention" && config.window < positions && { window: config.window }),
    inputs,
  });
}

/** GGUF's table of what Llama 3 divides angles by; transformers computes it from its configuration. */
const divisorsName = "rope_freqs.weight";

interface LinearShape {
  /** Outputs and inputs. */
  readonly shape: readonly [number, number];
  readonly hasBias: boolean;
}

function linear({ weights }: Build, name: string, { shape, hasBias }: LinearShape): Linear {
  const weight = weights.tensor(`${name}.weight`, shape);
  return { weight, ...(hasBias && { bias: weights.tensor(`${name}.bias`, [shape[0]]) }) };
}

/** The states, summed up, and their norm. */
function addNormed(
  { graph, weights, config }: Build,
  name: string,
  { states, source }: { readonly states: States; readonly source: string },
): { readonly sum: string; readonly normed: string } {
  const spec = { weight: weights.tensor(`${source}.weight`, [config.hidden]), epsilon: config.epsilon };
  const { residual, addend } = states;
  if (addend !== undefined) return addSkipNorm(graph, name, { input: addend, residual, ...spec });
  return { sum: residual, normed: addRootMeanSquareNorm(graph, name, { input: residual, ...spec }) };
}
