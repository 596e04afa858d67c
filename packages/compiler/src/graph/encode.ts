import { MillraceError } from "@millrace/core";
import protobuf from "protobufjs/light.js";
import type { Attribute, Constant, Graph, GraphNode, GraphValue } from "./builder.js";
import { attributeTypes, elementTypes, encodeMessage, fieldNumbers } from "./schema.js";
import { byteLength, loadExactly, type WeightsFile } from "./weight-files.js";

/** IR version that came with opset 23. */
const irVersion = 11;
/** Protobuf messages end at 2 GiB, and ONNX Runtime refuses larger ones. */
const modelBytesLimit = 2 ** 31 - 1;

/** A file of weights that has been written. */
export interface WrittenWeights extends WeightsFile {
  /** Lower-case hex. */
  readonly sha256: string;
}

/**
 * Writes a graph as an ONNX file, piece by piece: weights are loaded one tensor at a time and never held together. Those
 * that lie in `files` are named with their place and the file's digest, so that the graph's own digest covers them.
 * Equal graphs give equal bytes. @throws E_MODEL_UNSUPPORTED above 2 GiB.
 */
export async function* encodeGraph(
  graph: Graph,
  producerVersion: string,
  files: readonly WrittenWeights[] = [],
): AsyncGenerator<Uint8Array> {
  const apart = new Map(files.flatMap((file) => placesIn(file)));
  const graphHead = encodeMessage("GraphProto", {
    name: graph.name,
    node: graph.nodes.map(nodeMessage),
    input: graph.inputs.map(valueMessage),
    output: graph.outputs.map(valueMessage),
    initializer: graph.constants.flatMap((constant) => {
      const externalData = apart.get(constant.name);
      return externalData === undefined ? [] : [{ ...tensorMessage(constant), externalData, dataLocation: external }];
    }),
  });
  const inline = graph.constants.filter(({ name }) => !apart.has(name));
  const framed = inline.map((constant) => {
    const header = encodeMessage("TensorProto", tensorMessage(constant));
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

function tensorMessage({ name, type, shape }: Constant): object {
  return { name, dataType: elementTypes[type], dims: shape };
}

/** TensorProto.data_location of a tensor that lies in a file of its own. */
const external = 1;

function placesIn({ name: location, tensors, sha256 }: WrittenWeights): readonly (readonly [string, object[]])[] {
  return tensors.map(({ constant, offset, bytes }) => {
    const facts = { location, offset: String(offset), length: String(bytes), checksum: sha256 };
    return [constant.name, Object.entries(facts).map(([key, value]) => ({ key, value }))];
  });
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
