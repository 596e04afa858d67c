import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { MillraceError } from "@millrace/core";
import type { Attribute, Constant, GraphNode, Opset } from "../graph/builder.js";
import { decodeMessage } from "../graph/schema.js";
import { invalidOnnx } from "./onnx-error.js";
import { externalFiles, type TensorMessage, toConstant } from "./onnx-tensors.js";

/** A graph that was exported elsewhere. Initializers that lie in other files are read when they are loaded. */
export interface OnnxFile {
  readonly path: string;
  readonly opsets: readonly Opset[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly GraphNode[];
  readonly constants: readonly Constant[];
  /** Names of the other files its tensors lie in, relative to its folder. */
  readonly externalFiles: readonly string[];
}

export interface OnnxValue {
  readonly name: string;
  /** TensorProto.data_type; 0 where the file does not say. */
  readonly dataType: number;
  /** Sizes, undefined where a run decides; none where the file does not say. */
  readonly shape: readonly (number | undefined)[];
}

/** Reads an ONNX file. @throws E_MODEL_INVALID when it is damaged, E_MODEL_UNSUPPORTED for what is not carried over */
export async function readOnnx(path: string): Promise<OnnxFile> {
  const { graph, opsetImport, functions } = decode(path, await read(path));
  if (functions.length > 0) throw unsupported(path, `it defines functions of its own, such as ${functions[0]?.name}`);
  if (graph.sparseInitializer.length > 0) throw unsupported(path, "it holds sparse tensors");
  const place = { file: path, folder: dirname(path) };
  const initialized = new Set(graph.initializer.map(({ name }) => name));
  return {
    path,
    opsets: opsetImport.map(({ domain, version }) => ({
      domain: domain === "ai.onnx" ? "" : domain,
      version: Number(version),
    })),
    // Old files list initializers among the inputs.
    inputs: graph.input.filter(({ name }) => !initialized.has(name)).map(toValue),
    outputs: graph.output.map(toValue),
    nodes: graph.node.map(toNode),
    constants: graph.initializer.map((tensor) => toConstant(tensor, place)),
    externalFiles: externalFiles(graph.initializer, path),
  };
}

interface NodeMessage {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly { readonly name: string }[];
}

interface ValueMessage {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: number;
      readonly shape: { readonly dim: readonly { readonly dimValue: unknown; readonly dimParam: string }[] } | null;
    } | null;
  } | null;
}

interface ModelMessage {
  readonly opsetImport: readonly { readonly domain: string; readonly version: unknown }[];
  readonly functions: readonly { readonly name: string }[];
  readonly graph: {
    readonly node: readonly NodeMessage[];
    readonly initializer: readonly TensorMessage[];
    readonly sparseInitializer: readonly unknown[];
    readonly input: readonly ValueMessage[];
    readonly output: readonly ValueMessage[];
  } | null;
}

async function read(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: Error) => {
    throw invalidOnnx(path, `it cannot be read: ${cause.message}`, cause);
  });
}

function decode(path: string, bytes: Uint8Array) {
  let model: ModelMessage;
  try {
    model = decodeMessage("ModelProto", bytes) as ModelMessage;
  } catch (cause) {
    throw invalidOnnx(path, "it is not an ONNX file", cause);
  }
  const { graph } = model;
  if (graph === null || graph.node.length === 0) throw invalidOnnx(path, "it holds no graph");
  return { ...model, opsetImport: model.opsetImport, functions: model.functions, graph };
}

function toValue({ name, type }: ValueMessage): OnnxValue {
  const tensor = type?.tensorType;
  const shape = tensor?.shape?.dim.map(({ dimValue, dimParam }) =>
    dimParam ? undefined : Number(dimValue) || undefined,
  );
  return { name, dataType: tensor?.elemType ?? 0, shape: shape ?? [] };
}

function toNode({ name, opType, domain, input, output, attribute }: NodeMessage): GraphNode {
  const attributes = attribute.map((message): [string, Attribute] => [message.name, { message }]);
  return { name, op: opType, domain, inputs: input, outputs: output, attributes: Object.fromEntries(attributes) };
}

function unsupported(path: string, why: string): MillraceError {
  return new MillraceError("E_MODEL_UNSUPPORTED", `cannot use ${path}`, {
    why,
    fix: "Export the model anew, without them.",
  });
}
