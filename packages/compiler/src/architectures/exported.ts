import { MillraceError } from "@millrace/core";
import { bytesOf, type GraphBuilder } from "../graph/builder.js";
import { type ElementType, elementTypeName, elementTypeOf, elementTypes } from "../graph/schema.js";
import type { OnnxFile, OnnxValue } from "../weights/onnx.js";
import type { EncoderPlan } from "./architecture.js";

/** Names that exporters give to an encoder's states; the first that is there is taken. */
const stateNames = ["token_embeddings", "last_hidden_state"];
/** The name sentence-transformers' exports give to what the whole chain of modules makes of a text. */
const vectorName = "sentence_embedding";

/** The output of an exported graph that is used. */
export interface ExportedOutput {
  readonly value: OnnxValue;
  /** True where it is one vector for each text: [batch, width]; else one state for each token. */
  readonly isPooled: boolean;
}

/** Finds the output to use. @throws E_MODEL_UNSUPPORTED, naming the outputs there are */
export function findOutput({ path, outputs }: OnnxFile): ExportedOutput {
  const known = [vectorName, ...stateNames].flatMap((name) => outputs.filter((output) => output.name === name));
  const value = known[0] ?? outputs.find(isOnlyStates);
  if (value !== undefined) return { value, isPooled: value.name === vectorName };
  const why = `none of its outputs (${outputs.map(({ name }) => name).join(", ")}) is known to be an encoder's`;
  throw unsupported(path, why, `Supported: ${[vectorName, ...stateNames].join(", ")}.`);
}

/** An output that has no name of its own, such as `output_0`; but what a classifier says of each token are no states. */
function isOnlyStates({ name, shape }: OnnxValue, _index: number, outputs: readonly OnnxValue[]): boolean {
  return outputs.length === 1 && shape.length === 3 && !/logits/i.test(name);
}

/** What is known of an exported encoder besides its graph. */
export type ExportedFacts = Pick<
  EncoderPlan,
  "dimensions" | "maxTokens" | "vocabularySize" | "hasSpecialTokens" | "barePooling"
>;

/** Oldest version of ONNX's operators that the nodes put around a graph are written for. */
const oldestOpset = 11;

/**
 * Plans an encoder around a graph that was exported elsewhere: its inputs are made of the ids, its output is taken on. Its
 * kernels may sum a row in another order, or scale it otherwise, when other rows stand beside it: a run takes one.
 * @throws E_MODEL_UNSUPPORTED
 */
export function planExported(file: OnnxFile, facts: ExportedFacts): EncoderPlan {
  const opset = file.opsets.find(({ domain }) => domain === "")?.version ?? 1;
  if (opset < oldestOpset)
    throw unsupported(file.path, `it uses opset ${opset}`, `Export it with opset ${oldestOpset} or a newer one.`);
  const { value } = findOutput(file);
  return {
    ...facts,
    prefixes: [],
    opsets: file.opsets,
    isRowIndependent: false,
    build(graph, _weights, ids) {
      requireOwnNames(file);
      for (const constant of file.constants) graph.constant(constant);
      addInputs(graph, file, ids);
      graph.adopt(file.nodes);
      if (value.dataType === elementTypes.float32) return value.name;
      return graph.node("exported.states", "Cast", {
        inputs: [value.name],
        attributes: { to: { int: elementTypes.float32 } },
      });
    },
  };
}

/** Beginnings of the names that are put around an exported graph. */
const ownNames = /^(?:ids|vectors|(?:exported|pooling|dense|layer-norm|normalize|cut)\b.*)$/;

function requireOwnNames({ path, nodes, constants }: OnnxFile): void {
  const names = [...nodes.flatMap(({ outputs }) => outputs), ...constants.map(({ name }) => name)];
  const taken = names.find((name) => ownNames.test(name));
  if (taken !== undefined) throw unsupported(path, `its value ${taken} has a name that is needed`, "Rename it.");
}

const inputNames = ["input_ids", "attention_mask", "token_type_ids", "position_ids"];

/** Makes the inputs of the exported graph of the ids: rows are equally long, so that all of them is text. */
function addInputs(graph: GraphBuilder, { path, inputs }: OnnxFile, ids: string): void {
  const shape = graph.node("exported.shape", "Shape", { inputs: [ids] });
  for (const { name, dataType, shape: sizes } of inputs) {
    const type = elementTypeOf(dataType);
    if (!inputNames.includes(name) || type === undefined)
      throw unsupported(
        path,
        `it has an input ${name} of ${elementTypeName(dataType)}`,
        `Supported: ${inputNames.join(", ")}.`,
      );
    const [, length] = sizes;
    if (length !== undefined)
      throw unsupported(path, `its input ${name} takes ${length} tokens`, "Export it for any number of tokens.");
    if (name === "input_ids") addCast(graph, name, { input: ids, type });
    else if (name === "position_ids") addPositions(graph, name, { shape, type });
    else addFilled(graph, name, { value: name === "attention_mask" ? 1 : 0, shape, type });
  }
}

function addCast(graph: GraphBuilder, name: string, { input, type }: { input: string; type: ElementType }): string {
  return graph.node(name, "Cast", { inputs: [input], attributes: { to: { int: elementTypes[type] } } });
}

interface InputSpec {
  /** [2]: rows and tokens. */
  readonly shape: string;
  readonly type: ElementType;
}

function addFilled(
  graph: GraphBuilder,
  name: string,
  { value, shape, type }: InputSpec & { readonly value: number },
): void {
  const load = async () => bytesOf(Int32Array.of(value));
  const scalar = graph.constant({ name: `exported.${value}`, type: "int32", shape: [], load });
  const filled = graph.node(`exported.${name}`, "Expand", { inputs: [scalar, shape] });
  addCast(graph, name, { input: filled, type });
}

function addPositions(graph: GraphBuilder, name: string, { shape, type }: InputSpec): void {
  const [first, step] = [graph.integer("exported.first", 0), graph.integer("exported.step", 1)];
  const length = graph.node("exported.length", "Gather", { inputs: [shape, step] });
  const places = graph.node("exported.places", "Range", { inputs: [first, length, step] });
  const rows = graph.node("exported.positions", "Expand", { inputs: [places, shape] });
  addCast(graph, name, { input: rows, type });
}

function unsupported(path: string, why: string, fix: string): MillraceError {
  return new MillraceError("E_MODEL_UNSUPPORTED", `cannot use ${path}`, { why, fix });
}
