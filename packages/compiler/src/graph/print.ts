import { MillraceError } from "@millrace/core";
import { attributeTypes, decodeMessage, elementTypeName } from "./schema.js";

/**
 * A graph as text, one line each: opsets, inputs, nodes in order (outputs = op(inputs) {attributes}), initializers with
 * element type and shape, outputs. @throws E_MODEL_INVALID when the bytes are not an ONNX file.
 */
export function printGraph(onnxBytes: Uint8Array): string {
  const { graph, opsetImport = [] } = decodeModel(onnxBytes);
  const { name = "", input = [], node = [], initializer = [], output = [] } = graph;
  return [
    `graph ${name} (${opsetImport.map(({ domain, version }) => `${domain || "ai.onnx"} ${version}`).join(", ")})`,
    ...input.map((value) => `input ${printValue(value)}`),
    ...node.map(printNode),
    ...initializer.map((tensor) => `initializer ${tensor.name} ${printShape(tensor.dataType, tensor.dims ?? [])}`),
    ...output.map((value) => `output ${printValue(value)}`),
    "",
  ].join("\n");
}

/** protobufjs decodes 64-bit integers to a number or a Long; both print as what they are. */
type Integer = { toString(): string };

interface TensorMessage {
  readonly name: string;
  readonly dataType: number;
  readonly dims?: readonly Integer[];
}

interface ValueMessage {
  readonly name: string;
  readonly type: {
    readonly tensorType: { readonly elemType: number; readonly shape: { readonly dim?: DimensionMessage[] } };
  };
}

interface DimensionMessage {
  readonly dimValue: Integer;
  readonly dimParam: string;
}

interface AttributeMessage {
  readonly name: string;
  readonly type: number;
  readonly f: number;
  readonly i: Integer;
  readonly s: Uint8Array;
  readonly ints: readonly Integer[];
}

interface NodeMessage {
  readonly opType: string;
  readonly domain: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly AttributeMessage[];
}

interface GraphMessage {
  readonly name?: string;
  readonly input?: readonly ValueMessage[];
  readonly node?: readonly NodeMessage[];
  readonly initializer?: readonly TensorMessage[];
  readonly output?: readonly ValueMessage[];
}

interface ModelMessage {
  readonly graph: GraphMessage;
  readonly opsetImport?: readonly { readonly domain: string; readonly version: Integer }[];
}

function decodeModel(bytes: Uint8Array): ModelMessage {
  const what = "cannot read the graph";
  try {
    const model = decodeMessage("ModelProto", bytes) as Partial<ModelMessage>;
    if (model.graph) return { ...model, graph: model.graph };
  } catch (cause) {
    throw new MillraceError("E_MODEL_INVALID", what, { why: "it is not an ONNX file", cause });
  }
  throw new MillraceError("E_MODEL_INVALID", what, { why: "the ONNX file holds no graph" });
}

function printNode({ opType, domain, input, output, attribute }: NodeMessage): string {
  const op = domain === "" ? opType : `${domain}.${opType}`;
  const attributes = attribute.map((item) => `${item.name}=${printAttribute(item)}`).join(", ");
  const call = `${output.join(", ")} = ${op}(${input.map((name) => name || "_").join(", ")})`;
  return attributes === "" ? call : `${call} {${attributes}}`;
}

function printAttribute({ type, f, i, s, ints }: AttributeMessage): string {
  if (type === attributeTypes.float) return String(Number(f.toPrecision(7)));
  if (type === attributeTypes.int) return i.toString();
  if (type === attributeTypes.ints) return `[${ints.join(", ")}]`;
  return JSON.stringify(Buffer.from(s).toString());
}

function printValue({ name, type }: ValueMessage): string {
  const { elemType, shape } = type.tensorType;
  return `${name} ${printShape(
    elemType,
    (shape.dim ?? []).map(({ dimParam, dimValue }) => dimParam || dimValue),
  )}`;
}

function printShape(dataType: number, sizes: readonly Integer[]): string {
  return `${elementTypeName(dataType)}[${sizes.join(", ")}]`;
}
