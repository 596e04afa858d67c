import { addLinear } from "../architectures/layers.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Placement } from "./placement.js";

/** A linear layer over each vector, with an activation. */
export interface DenseModule {
  readonly kind: "dense";
  /** Folder of its weights, relative to the model directory. */
  readonly folder: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly hasBias: boolean;
  readonly activation: string;
}

/** Operators of PyTorch's activation modules, by their class; undefined leaves a value as it is. */
const operators: Readonly<Record<string, string | undefined>> = {
  Tanh: "Tanh",
  Identity: undefined,
  ReLU: "Relu",
  GELU: "Gelu",
  Sigmoid: "Sigmoid",
};

/** Reads a Dense module's config.json. @throws E_MODEL_INVALID, E_MODEL_UNSUPPORTED */
export function readDense(file: JsonFile, folder: string): DenseModule {
  const name = file.text("activation_function", "torch.nn.modules.activation.Tanh");
  const activation = name.split(".").at(-1) ?? "";
  if (!name.startsWith("torch.nn.") || !Object.hasOwn(operators, activation))
    throw file.unsupported("activation_function", Object.keys(operators));
  if (file.values.use_residual) throw file.unsupported("use_residual", ["false"]);
  for (const field of ["module_input_name", "module_output_name"])
    if (file.text(field, vectorsName) !== vectorsName) throw file.unsupported(field, [vectorsName]);
  const hasBias = file.values.bias !== false;
  const [inputs, outputs] = [file.count("in_features"), file.count("out_features")];
  return { kind: "dense", folder, inputs, outputs, hasBias, activation };
}

/** sentence-transformers' name of what stands after the pooling. */
const vectorsName = "sentence_embedding";

export function addDense(graph: GraphBuilder, module: DenseModule, placement: Placement): string {
  const { input, part, output } = placement;
  const { inputs, outputs, hasBias, activation } = module;
  const source = placement.weights.folder(module.folder);
  const operator = operators[activation];
  const weight = source.tensor("linear.weight", [outputs, inputs]);
  const result = operator === undefined ? output : `${part}.linear`;
  const bias = hasBias && { bias: source.tensor("linear.bias", [outputs]) };
  const linear = addLinear(graph, result, { input, weight, ...bias });
  return operator === undefined ? linear : graph.node(output, operator, { inputs: [linear] });
}
