import { bytesOf, type GraphBuilder, microsoft } from "../graph/builder.js";
import type { LazyTensor } from "../weights/checkpoint.js";
import { concatenated, transposed } from "../weights/transforms.js";

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
}

/**
 * Softmax attention of every token to every token of its row. Three products with their biases inside the attention
 * operator beat one product three times as wide followed by a Split.
 */
export function addSelfAttention(graph: GraphBuilder, name: string, { input, parts, heads }: AttentionSpec): string {
  const projected = parts.map(({ weight }, index) => {
    const part = `${name}.${["query", "key", "value"][index]}`;
    const inputs = [input, addWeight(graph, `${part}.weight`, transposed(weight))];
    return graph.node(part, "MatMul", { inputs });
  });
  const bias = addWeight(graph, `${name}.bias`, concatenated(parts.map((part) => part.bias)));
  const attributes = { num_heads: { int: heads } };
  return graph.node(name, "MultiHeadAttention", { domain: microsoft, inputs: [...projected, bias], attributes });
}

export interface LinearSpec extends Affine {
  readonly input: string;
}

/** x · weightᵀ + bias, the weight as PyTorch stores it: [outputs, inputs]. The kernel wants it transposed. */
export function addLinear(graph: GraphBuilder, name: string, { input, weight, bias }: LinearSpec): string {
  const product = graph.node(`${name}.product`, "MatMul", {
    inputs: [input, addWeight(graph, `${name}.weight`, transposed(weight))],
  });
  return graph.node(name, "Add", { inputs: [product, addWeight(graph, `${name}.bias`, bias)] });
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

/** Operators of the activation functions, by the names transformers gives them. */
const activationOperators: Readonly<Record<string, readonly [op: string, approximate?: string]>> = {
  gelu: ["Gelu", "none"],
  gelu_new: ["Gelu", "tanh"],
  gelu_pytorch_tanh: ["Gelu", "tanh"],
  relu: ["Relu"],
};
export const activations: readonly string[] = Object.keys(activationOperators);

/** Adds one of `activations`. */
export function addActivation(graph: GraphBuilder, name: string, spec: { input: string; activation: string }): string {
  const [op, approximate] = activationOperators[spec.activation] ?? ["Relu"];
  const attributes = approximate === undefined ? {} : { approximate: { string: approximate } };
  return graph.node(name, op, { inputs: [spec.input], attributes });
}
