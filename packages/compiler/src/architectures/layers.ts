import { bytesOf, type GraphBuilder, microsoft, type NodeSpec } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { LazyTensor } from "../weights/checkpoint.js";
import { concatenated, transposed } from "../weights/transforms.js";
import { addBlockProduct, blockWeight } from "./block-product.js";

/** A linear layer as PyTorch stores it: weight [outputs, inputs], bias [outputs]. */
export interface Linear {
  readonly weight: LazyTensor;
  readonly bias?: LazyTensor;
}

export interface Affine {
  readonly weight: LazyTensor;
  readonly bias: LazyTensor;
}

/** Puts a float32 tensor into the graph under `name`. */
export function addWeight(graph: GraphBuilder, name: string, tensor: LazyTensor): string {
  const load = async () => bytesOf(await tensor.load());
  return graph.constant({ name, type: "float32", shape: tensor.shape, load });
}

export interface AttentionSpec {
  readonly input: string;
  /** Projections to query, key and value. */
  readonly parts: readonly Affine[];
  readonly heads: number;
  /** Added to the scores: [1, heads, sequence, sequence]. */
  readonly scoreBias?: string;
}

/**
 * Softmax attention of every token to every token of its row. Three products with their biases inside the attention
 * operator beat one product three times as wide followed by a Split.
 */
export function addSelfAttention(graph: GraphBuilder, name: string, spec: AttentionSpec): string {
  const { input, parts, heads, scoreBias } = spec;
  const projected = parts.map(({ weight }, index) => {
    const part = `${name}.${["query", "key", "value"][index]}`;
    return addProduct(graph, part, { input, weight, name: `${part}.weight` });
  });
  const bias = addWeight(graph, `${name}.bias`, concatenated(parts.map((part) => part.bias)));
  const attributes = { num_heads: { int: heads } };
  const inputs = [...projected, bias, ...(scoreBias === undefined ? [] : ["", scoreBias])];
  return graph.node(name, "MultiHeadAttention", { domain: microsoft, inputs, attributes });
}

export interface ProductSpec {
  readonly input: string;
  /** Of the input; 3 by default. */
  readonly rank?: number;
  readonly weight: LazyTensor;
  /** The weight's name in the graph. */
  readonly name: string;
}

/**
 * x · weightᵀ, the weight as PyTorch stores it: [outputs, inputs]; the kernel wants it transposed. Every product of
 * states with a weight goes through here.
 */
export function addProduct(graph: GraphBuilder, output: string, { weight, name, ...spec }: ProductSpec): string {
  const { input } = spec;
  const inBlocks = blockWeight(name, weight);
  if (inBlocks !== undefined) return addBlockProduct(graph, output, { ...spec, weight: inBlocks });
  return graph.node(output, "MatMul", { inputs: [input, addWeight(graph, name, transposed(weight))] });
}

export interface LinearSpec extends Linear {
  readonly input: string;
  /** Of the input; 3 by default. */
  readonly rank?: number;
}

/** x · weightᵀ + bias, where there is one. */
export function addLinear(graph: GraphBuilder, name: string, { bias, ...spec }: LinearSpec): string {
  if (bias === undefined) return addProduct(graph, name, { ...spec, name: `${name}.weight` });
  const product = addProduct(graph, `${name}.product`, { ...spec, name: `${name}.weight` });
  return graph.node(name, "Add", { inputs: [product, addWeight(graph, `${name}.bias`, bias)] });
}

export interface JointSpec {
  readonly input: string;
  /** What is multiplied with it, by the last part of its name. */
  readonly parts: Readonly<Record<string, Linear>>;
}

/**
 * Several linear layers of one input as one product that is cut apart, where their weights are coded alike: a decoder's
 * products for one token are so small that what each costs besides counts.
 * @returns their outputs, named after the parts, in the parts' order
 */
export function addJointLinears(graph: GraphBuilder, name: string, { input, parts }: JointSpec): readonly string[] {
  const layers = Object.values(parts);
  const outputs = Object.keys(parts).map((part) => `${name}.${part}`);
  const weight = concatenated(layers.map((layer) => layer.weight));
  if (weight.blocks === undefined && layers.some((layer) => layer.weight.blocks !== undefined))
    return layers.map((layer, index) => addLinear(graph, outputs[index] as string, { input, ...layer }));
  const biases = layers.flatMap(({ bias }) => bias ?? []);
  const joint = addLinear(graph, `${name}.joint`, {
    input,
    weight,
    ...(biases.length > 0 && { bias: concatenated(biases) }),
  });
  const sizes = layers.map((layer) => layer.weight.shape[0] ?? 0);
  const inputs = [joint, graph.integers(`sizes.${sizes.join("+")}`, sizes)];
  graph.node(`${name}.parts`, "Split", { inputs, outputs, attributes: { axis: { int: -1 } } });
  return outputs;
}

export interface ResidualSpec extends Affine {
  readonly input: string;
  readonly residual: string;
  readonly epsilon: number;
}

/** LayerNorm(input + residual). Two operators: the kernel of the fused SkipLayerNormalization is slower than both. */
export function addResidualNorm(graph: GraphBuilder, name: string, spec: ResidualSpec): string {
  const sum = graph.node(`${name}.sum`, "Add", { inputs: [spec.input, spec.residual] });
  const weight = addWeight(graph, `${name}.weight`, spec.weight);
  const bias = addWeight(graph, `${name}.bias`, spec.bias);
  const attributes = { axis: { int: -1 }, epsilon: { float: spec.epsilon } };
  return graph.node(name, "LayerNormalization", { inputs: [sum, weight, bias], attributes });
}

/** The states of words alone: ids [batch, sequence], table [vocabulary, width] → [batch, sequence, width]. */
export function addWordStates(graph: GraphBuilder, name: string, spec: { ids: string; table: LazyTensor }): string {
  return graph.node(name, "Gather", { inputs: [addWeight(graph, `${name}.table`, spec.table), spec.ids] });
}

export function addSum(graph: GraphBuilder, name: string, left: string, right: string): string {
  return graph.node(name, "Add", { inputs: [left, right] });
}

export interface NormSpec extends Linear {
  readonly input: string;
  readonly epsilon: number;
}

/** LayerNorm(input) over the last axis. */
export function addNorm(graph: GraphBuilder, name: string, { input, weight, bias, epsilon }: NormSpec): string {
  const inputs = [input, addWeight(graph, `${name}.weight`, weight)];
  if (bias !== undefined) inputs.push(addWeight(graph, `${name}.bias`, bias));
  const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } };
  return graph.node(name, "LayerNormalization", { inputs, attributes });
}

/** input / √(mean of squares + ε) · weight, over the last axis. */
export function addRootMeanSquareNorm(graph: GraphBuilder, name: string, spec: Omit<NormSpec, "bias">): string {
  const inputs = [spec.input, addWeight(graph, `${name}.weight`, spec.weight)];
  const attributes = { axis: { int: -1 }, epsilon: { float: spec.epsilon } };
  return graph.node(name, "RMSNormalization", { inputs, attributes });
}

export interface SkipNormSpec extends Omit<NormSpec, "bias"> {
  readonly residual: string;
}

/**
 * The sum of input and residual, and its root mean square norm, in one operator: faster than two where few tokens are
 * computed at once.
 */
export function addSkipNorm(
  graph: GraphBuilder,
  name: string,
  { input, residual, weight, epsilon }: SkipNormSpec,
): { readonly sum: string; readonly normed: string } {
  const sum = `${name}.sum`;
  const normed = graph.node(name, "SkipSimplifiedLayerNormalization", {
    domain: microsoft,
    inputs: [input, residual, addWeight(graph, `${name}.weight`, weight)],
    outputs: [name, "", "", sum],
    attributes: { epsilon: { float: epsilon } },
  });
  return { sum, normed };
}

export interface GatedSpec {
  readonly input: string;
  readonly gate: Linear;
  readonly inner: Linear;
  readonly outer: Linear;
  readonly activation: string;
  /** Whether gate and inner become one product. */
  readonly isJoint?: boolean;
}

/** outer(activation(gate(input)) × inner(input)). */
export function addGatedFeedForward(graph: GraphBuilder, name: string, spec: GatedSpec): string {
  const { input, gate, inner, outer, activation, isJoint = false } = spec;
  const joint = isJoint ? addJointLinears(graph, name, { input, parts: { gate, inner } }) : [];
  const gated = joint[0] ?? addLinear(graph, `${name}.gate`, { input, ...gate });
  const activated = addActivation(graph, `${name}.activation`, { input: gated, activation });
  const widened = joint[1] ?? addLinear(graph, `${name}.inner`, { input, ...inner });
  const product = graph.node(`${name}.gated`, "Mul", { inputs: [activated, widened] });
  return addLinear(graph, `${name}.outer`, { input: product, ...outer });
}

/** What a layer's tokens attend to: all others, or those in a window. */
const layerKinds = ["full_attention", "sliding_attention"] as const;
export type LayerKind = (typeof layerKinds)[number];

/** Each layer's kind: as `layer_types` lists them, else as `isSliding` says. @throws E_MODEL_UNSUPPORTED, E_MODEL_INVALID */
export function readLayerKinds(file: JsonFile, isSliding: (layer: number) => boolean): readonly LayerKind[] {
  const layers = file.count("num_hidden_layers");
  const usual = (layer: number) => layerKinds[isSliding(layer) ? 1 : 0];
  const listed = file.values.layer_types ?? Array.from({ length: layers }, (_, layer) => usual(layer));
  if (!Array.isArray(listed) || listed.length !== layers)
    throw file.invalid("layer_types", `it must list num_hidden_layers ${layers} kinds`);
  if (!listed.every((kind) => layerKinds.includes(kind))) throw file.unsupported("layer_types", layerKinds);
  return listed;
}

/** Width of a state and number of heads, which divide it. @throws E_MODEL_INVALID */
export function readHeads(file: JsonFile, width: string, count: string): { hidden: number; heads: number } {
  const [hidden, heads] = [file.count(width), file.count(count)];
  if (hidden % heads !== 0) throw file.invalid(count, `it must divide ${width} ${hidden}`);
  return { hidden, heads };
}

/** Operators of the activation functions, by the names transformers gives them. */
const activationOperators: Readonly<Record<string, Omit<NodeSpec, "inputs"> & { readonly op: string }>> = {
  gelu: { op: "Gelu", attributes: { approximate: { string: "none" } } },
  gelu_new: { op: "Gelu", attributes: { approximate: { string: "tanh" } } },
  gelu_pytorch_tanh: { op: "Gelu", attributes: { approximate: { string: "tanh" } } },
  quick_gelu: { op: "QuickGelu", domain: microsoft, attributes: { alpha: { float: 1.702 } } },
  relu: { op: "Relu" },
  silu: { op: "QuickGelu", domain: microsoft, attributes: { alpha: { float: 1 } } },
  swish: { op: "QuickGelu", domain: microsoft, attributes: { alpha: { float: 1 } } },
};
export const activations: readonly string[] = Object.keys(activationOperators);

/** The activation a config.json names. @throws E_MODEL_UNSUPPORTED when it is none of `activations` */
export function readActivation(file: JsonFile, field: string, fallback: string): string {
  const activation = file.text(field, fallback);
  if (activations.includes(activation)) return activation;
  throw file.unsupported(field, activations);
}

/** Adds one of `activations`. */
export function addActivation(graph: GraphBuilder, name: string, spec: { input: string; activation: string }): string {
  const { op, ...node } = activationOperators[spec.activation] ?? { op: "Relu" };
  return graph.node(name, op, { inputs: [spec.input], ...node });
}
