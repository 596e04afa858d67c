import { MillraceError } from "@millrace/core";
import { attributeTypes, decodeMessage, elementTypeName } from "./schema.js";

/**
 * A graph as text, one line each: opsets, inputs, nodes in order (outputs = op(inputs) {attributes}), initializers with
 * element type and shape, outputs. @throws E_MODEL_INVALID when the bytes are not an ONNX file.
 */
export function printGraph(onnxBytes: Uint8Array): string {
  try {
    return printModel(decodeMessage("ModelProto", onnxBytes) as ModelMessage);
  } catch (cause) {
    throw new MillraceError("E_MODEL_INVALID", "cannot print the graph", { why: "it is not an ONNX file", cause });
  }
}

function printModel({ graph, opsetImport }: ModelMessage): string {
  return [
    `graph ${graph.name} (${opsetImport.map(({ domain, version }) => `${domain || "ai.onnx"} ${version}`).join(", ")})`,
    ...graph.input.map((value) => `input ${printValue(value)}`),
    ...graph.node.map(printNode),
    ...graph.initializer.map(({ name, dataType, dims }) => `initializer ${name} ${printShape(dataType, dims)}`),
    ...graph.output.map((value) => `output ${printValue(value)}`),
    "",
  ].join("\n");
}

/** protobufjs decodes 64-bit integers to a number or a Long; both print as what they are. */
type Integer = { toString(): string };

interface TensorMessage {
  readonly name: string;
  readonly dataType: number;
  readonly dims: readonly Integer[];
}

interface ValueMessage {
  readonly name: string;
  readonly type: {
    readonly tensorType: { readonly elemType: number; readonly shape: { readonly dim: readonly DimensionMessage[] } };
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
  readonly name: string;
  readonly input: readonly ValueMessage[];
  readonly node: readonly NodeMessage[];
  readonly initializer: readonly TensorMessage[];
  readonly output: readonly ValueMessage[];
}

interface ModelMessage {
  readonly graph: GraphMessage;
  readonly opsetImport: readonly { readonly domain: string; readonly version: Integer }[];
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
    shape.dim.map(({ dimParam, dimValue }) => dimParam || dimValue),
  )}`;
}

function printShape(dataType: number, sizes: readonly Integer[]): string {
  return `${elementTypeName(dataType)}[${sizes.join(", ")}]`;
}
