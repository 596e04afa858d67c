import { MillraceError } from "@millrace/core";

/** A tensor as a GGUF header lists it. */
export interface GgufTensor {
  readonly name: string;
  /** GGML's number for how values are stored. */
  readonly type: number;
  /** As everywhere else, the last axis is the one that lies together; GGUF itself writes them the other way round. */
  readonly shape: readonly number[];
  /** Its first byte in the file. */
  readonly start: number;
}

export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

export type GgufValue = number | boolean | string | readonly GgufValue[];

/** "GGUF". */
const magic = 0x46554747;
const magicBytes = 4;

export function isGguf(bytes: Uint8Array): boolean {
  return bytes.length >= magicBytes && viewOf(bytes).getUint32(0, true) === magic;
}

/** Where nothing is said, tensors begin at multiples of this. */
const usualAlignment = 32;

/**
 * Reads a header from a file's first bytes; undefined where it goes on behind them.
 * @throws E_MODEL_INVALID for another version, or a kind of value that GGUF does not have
 */
export function readGgufHeader(bytes: Uint8Array, path: string): GgufHeader | undefined {
  const cursor = new Cursor(bytes, path);
  try {
    return readAll(cursor);
  } catch (error) {
    if (error instanceof EndOfBytes) return undefined;
    throw error;
  }
}

function readAll(cursor: Cursor): GgufHeader {
  if (cursor.number("uint32") !== magic) throw cursor.invalid("it does not begin with GGUF");
  const version = cursor.number("uint32");
  if (version !== 2 && version !== 3) throw cursor.invalid(`it is of version ${version}; 2 and 3 are read`);
  const [tensorCount, valueCount] = [cursor.number("uint64"), cursor.number("uint64")];
  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < valueCount; index += 1)
    metadata.set(cursor.text(), cursor.value(cursor.number("uint32")));
  const listed = Array.from({ length: cursor.atMost(tensorCount) }, () => readTensor(cursor));
  const alignment = metadata.get("general.alignment") ?? usualAlignment;
  if (typeof alignment !== "number" || alignment < 1) throw cursor.invalid(`general.alignment is ${String(alignment)}`);
  const first = Math.ceil(cursor.at / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const { start, ...tensor } of listed) {
    if (tensors.has(tensor.name)) throw cursor.invalid(`tensor "${tensor.name}" is there twice`);
    tensors.set(tensor.name, { ...tensor, start: first + start });
  }
  return { metadata, tensors };
}

/** With its start counted from the first tensor's. */
function readTensor(cursor: Cursor): GgufTensor {
  const name = cursor.text();
  const shape = Array.from({ length: cursor.atMost(cursor.number("uint32")) }, () => cursor.number("uint64")).reverse();
  return { name, shape, type: cursor.number("uint32"), start: cursor.number("uint64") };
}

/** More bytes are needed. */
class EndOfBytes extends Error {}

const numberBytes = {
  ...{ uint8: 1, int8: 1, uint16: 2, int16: 2, uint32: 4, int32: 4, float32: 4, uint64: 8, int64: 8, float64: 8 },
} as const;
type NumberKind = keyof typeof numberBytes;

/** By GGUF's numbers for them. */
const valueKinds = [
  ...(["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32"] as const),
  ...(["bool", "string", "array", "uint64", "int64", "float64"] as const),
];

class Cursor {
  at = 0;
  readonly #view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    readonly path: string,
  ) {
    this.#view = viewOf(bytes);
  }

  number(kind: NumberKind): number {
    const [at, view] = [this.#take(numberBytes[kind]), this.#view];
    switch (kind) {
      case "uint8":
        return view.getUint8(at);
      case "int8":
        return view.getInt8(at);
      case "uint16":
        return view.getUint16(at, true);
      case "int16":
        return view.getInt16(at, true);
      case "uint32":
        return view.getUint32(at, true);
      case "int32":
        return view.getInt32(at, true);
      case "float32":
        return view.getFloat32(at, true);
      case "float64":
        return view.getFloat64(at, true);
      case "uint64":
        return Number(view.getBigUint64(at, true));
      case "int64":
        return Number(view.getBigInt64(at, true));
    }
  }

  text(): string {
    const length = this.number("uint64");
    const at = this.#take(length);
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + at, length).toString("utf8");
  }

  value(type: number): GgufValue {
    const kind = valueKinds[type];
    if (kind === undefined) throw this.invalid(`it has a value of kind ${type}, which GGUF does not know`);
    if (kind === "string") return this.text();
    if (kind === "bool") return this.number("uint8") !== 0;
    if (kind !== "array") return this.number(kind);
    const of = this.number("uint32");
    if (of === valueKinds.indexOf("array")) throw this.invalid("it has a list of lists");
    return Array.from({ length: this.atMost(this.number("uint64")) }, () => this.value(of));
  }

  /** A number of things of at least a byte each, before anything of that size is allocated. */
  atMost(count: number): number {
    if (count > this.bytes.length - this.at) throw new EndOfBytes();
    return count;
  }

  invalid(why: string): MillraceError {
    return new MillraceError("E_MODEL_INVALID", `cannot read ${this.path}`, { why });
  }

  #take(count: number): number {
    const start = this.at;
    this.at = start + this.atMost(count);
    return start;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
