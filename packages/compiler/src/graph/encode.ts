import { MillraceError } from "@millrace/core";
import protobuf from "protobufjs/light.js";
import type { Attribute, Constant, Graph, GraphNode, GraphValue } from "./builder.js";
import { attributeTypes, elementBytes, elementTypes, encodeMessage, fieldNumbers } from "./schema.js";

/** IR version that came with opset 23. */
const irVersion = 11;
/** Protobuf messages end at 2 GiB, and ONNX Runtime refuses larger ones. */
const modelBytesLimit = 2 ** 31 - 1;

/**
 * Writes a graph as an ONNX file, piece by piece: weights are loaded one tensor at a time and never held together.
 * Equal graphs give equal bytes. @throws E_MODEL_UNSUPPORTED above 2 GiB.
 */
export async function* encodeGraph(graph: Graph, producerVersion: string): AsyncGenerator<Uint8Array> {
  const constants = graph.constants.map((constant) => ({ constant, header: tensorHeader(constant) }));
  const graphHead = encodeMessage("GraphProto", {
    name: graph.name,
    node: graph.nodes.map(nodeMessage),
    input: graph.inputs.map(valueMessage),
    output: graph.outputs.map(valueMessage),
  });
  const framed = constants.map(({ constant, header }) => {
    const rawHead = frameHead(fieldNumbers.tensorRawData, byteLength(constant));
    const tensorBytes = header.length + rawHead.length + byteLength(constant);
    const head = Buffer.concat([frameHead(fieldNumbers.graphInitializer, tensorBytes), header, rawHead]);
    return { constant, head, bytes: head.length + byteLength(constant) };
  });
  const graphBytes = framed.reduce((sum, { bytes }) => sum + bytes, graphHead.length);
  if (graphBytes > modelBytesLimit - 1024) throw tooLarge(graphBytes);

  yield encodeMessage("ModelProto", {
    irVersion,
    producerName: "millrace",
    producerVersion,
    opsetImport: graph.opsets,
  });
  yield frameHead(fieldNumbers.modelGraph, graphBytes);
  yield graphHead;
  for (const { constant, head } of framed) {
    yield head;
    yield await loadExactly(constant);
  }
}

/** Tag and length of a length-delimited field. */
function frameHead(field: number, bytes: number): Uint8Array {
  return protobuf.Writer.create()
    .uint32((field << 3) | 2)
    .uint32(bytes)
    .finish();
}

function tensorHeader({ name, type, shape }: Constant): Uint8Array {
  return encodeMessage("TensorProto", { name, dataType: elementTypes[type], dims: shape });
}

function byteLength({ type, shape }: Constant): number {
  return shape.reduce((product, size) => product * size, elementBytes[type]);
}

async function loadExactly(constant: Constant): Promise<Uint8Array> {
  const bytes = await constant.load();
  if (bytes.length === byteLength(constant)) return bytes;
  const why = `${constant.name} loaded ${bytes.length} bytes, its shape says ${byteLength(constant)}`;
  throw new MillraceError("E_INTERNAL", "cannot write the graph", { why });
}

function nodeMessage({ name, op, domain, inputs, outputs, attributes }: GraphNode): object {
  const attribute = Object.entries(attributes).map(([key, value]) => ({ name: key, ...attributeMessage(value) }));
  return { name, opType: op, domain, input: inputs, output: outputs, attribute };
}

function attributeMessage(value: Attribute): object {
  if ("message" in value) return value.message;
  if ("int" in value) return { type: attributeTypes.int, i: value.int };
  if ("float" in value) return { type: attributeTypes.float, f: value.float };
  if ("ints" in value) return { type: attributeTypes.ints, ints: value.ints };
  return { type: attributeTypes.string, s: Buffer.from(value.string) };
}

function valueMessage({ name, type, shape }: GraphValue): object {
  const dim = shape.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: elementTypes[type], shape: { dim } } } };
}

function tooLarge(bytes: number): MillraceError {
  const why = `its graph would take ${(bytes / 2 ** 30).toFixed(1)} GiB, and an ONNX file ends at 2 GiB`;
  return new MillraceError("E_MODEL_UNSUPPORTED", "the model is too large for one ONNX file", { why });
}
