import protobuf from "protobufjs/light.js";

/** The part of onnx.proto3 that a written graph uses; field numbers are ONNX's. */
const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: message({
      irVersion: [1, "int64"],
      producerName: [2, "string"],
      producerVersion: [3, "string"],
      graph: [7, "GraphProto"],
      opsetImport: [8, "OperatorSetIdProto", "repeated"],
    }),
    OperatorSetIdProto: message({ domain: [1, "string"], version: [2, "int64"] }),
    GraphProto: message({
      node: [1, "NodeProto", "repeated"],
      name: [2, "string"],
      initializer: [5, "TensorProto", "repeated"],
      input: [11, "ValueInfoProto", "repeated"],
      output: [12, "ValueInfoProto", "repeated"],
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
      ints: [8, "int64", "repeated"],
      type: [20, "int32"],
    }),
    TensorProto: message({
      dims: [1, "int64", "repeated"],
      dataType: [2, "int32"],
      name: [8, "string"],
      rawData: [9, "bytes"],
    }),
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

/** TensorProto.data_type of the element types in use. */
export const elementTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10 } as const;
export type ElementType = keyof typeof elementTypes;

/** Name of a TensorProto.data_type; "type 42" for one that no graph of ours has. */
export function elementTypeName(dataType: number): string {
  return Object.entries(elementTypes).find(([, value]) => value === dataType)?.[0] ?? `type ${dataType}`;
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
