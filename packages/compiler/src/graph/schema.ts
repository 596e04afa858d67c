import protobuf from "protobufjs/light.js";

/** The part of onnx.proto3 that graphs use, ours and those that are brought; field numbers are ONNX's. */
const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: message({
      irVersion: [1, "int64"],
      producerName: [2, "string"],
      producerVersion: [3, "string"],
      graph: [7, "GraphProto"],
      opsetImport: [8, "OperatorSetIdProto", "repeated"],
      functions: [25, "FunctionProto", "repeated"],
    }),
    OperatorSetIdProto: message({ domain: [1, "string"], version: [2, "int64"] }),
    FunctionProto: message({ name: [1, "string"] }),
    SparseTensorProto: message({ dims: [3, "int64", "repeated"] }),
    GraphProto: message({
      node: [1, "NodeProto", "repeated"],
      name: [2, "string"],
      initializer: [5, "TensorProto", "repeated"],
      input: [11, "ValueInfoProto", "repeated"],
      output: [12, "ValueInfoProto", "repeated"],
      sparseInitializer: [15, "SparseTensorProto", "repeated"],
    }),
    NodeProto: message({
      input: [1, "string", "repeated"],
      output: [2, "string", "repeated"],
      name: [3, "string"],
      opType: [4, "string"],
      attribute: [5, "AttributeProto", "repeated"],
      domain: [7, "string"],
    }),
    AttributeProto: message({
      name: [1, "string"],
      f: [2, "float"],
      i: [3, "int64"],
      s: [4, "bytes"],
      t: [5, "TensorProto"],
      g: [6, "GraphProto"],
      floats: [7, "float", "repeated"],
      ints: [8, "int64", "repeated"],
      strings: [9, "bytes", "repeated"],
      tensors: [10, "TensorProto", "repeated"],
      graphs: [11, "GraphProto", "repeated"],
      type: [20, "int32"],
      refAttrName: [21, "string"],
    }),
    TensorProto: message({
      dims: [1, "int64", "repeated"],
      dataType: [2, "int32"],
      floatData: [4, "float", "repeated"],
      int32Data: [5, "int32", "repeated"],
      stringData: [6, "bytes", "repeated"],
      int64Data: [7, "int64", "repeated"],
      name: [8, "string"],
      rawData: [9, "bytes"],
      doubleData: [10, "double", "repeated"],
      uint64Data: [11, "uint64", "repeated"],
      externalData: [13, "StringStringEntryProto", "repeated"],
      dataLocation: [14, "int32"],
    }),
    StringStringEntryProto: message({ key: [1, "string"], value: [2, "string"] }),
    ValueInfoProto: message({ name: [1, "string"], type: [2, "TypeProto"] }),
    TypeProto: message({ tensorType: [1, "TensorTypeProto"] }),
    TensorTypeProto: message({ elemType: [1, "int32"], shape: [2, "TensorShapeProto"] }),
    TensorShapeProto: message({ dim: [1, "DimensionProto", "repeated"] }),
    DimensionProto: message({ dimValue: [1, "int64"], dimParam: [2, "string"] }),
  },
});

/** Field numbers that the streaming writer frames by hand. */
export const fieldNumbers = { modelGraph: 7, graphInitializer: 5, tensorRawData: 9 } as const;

/** AttributeProto.type of the kinds in use. */
export const attributeTypes = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** TensorProto.data_type of the element types in use: ours, and those of graphs that are brought. */
export const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;
export type ElementType = keyof typeof elementTypes;

/** Bytes of one element. */
export const elementBytes: Readonly<Record<ElementType, number>> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  float64: 8,
  uint32: 4,
  uint64: 8,
  bfloat16: 2,
};

/** The element type of a TensorProto.data_type, undefined where it is none of ours. */
export function elementTypeOf(dataType: number): ElementType | undefined {
  return (Object.keys(elementTypes) as ElementType[]).find((type) => elementTypes[type] === dataType);
}

/** Name of a TensorProto.data_type; "type 42" for one that no graph of ours has. */
export function elementTypeName(dataType: number): string {
  return elementTypeOf(dataType) ?? `type ${dataType}`;
}

export type MessageName = "ModelProto" | "GraphProto" | "TensorProto";

/** Encodes a plain object as the named message. */
export function encodeMessage(name: MessageName, value: object): Uint8Array {
  const type = root.lookupType(name);
  return type.encode(type.fromObject(value)).finish();
}

/** Decodes the named message into a plain object; byte fields stay views of `bytes`. */
export function decodeMessage(name: MessageName, bytes: Uint8Array): unknown {
  return root.lookupType(name).decode(bytes);
}

type FieldSpec = readonly [id: number, type: string, rule?: "repeated"];

function message(fields: Record<string, FieldSpec>): protobuf.IType {
  return {
    fields: Object.fromEntries(
      Object.entries(fields).map(([name, [id, type, rule]]) => [
        name,
        rule === undefined ? { id, type } : { id, type, rule },
      ]),
    ),
  };
}
