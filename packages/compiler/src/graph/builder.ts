import type { ElementType } from "./schema.js";

export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  /** An AttributeProto less its name, as it was read from another graph. */
  | { readonly message: object };

/** Version of the operators of a domain; "" is ONNX's own. */
export interface Opset {
  readonly domain: string;
  readonly version: number;
}

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  /** "" is ONNX's own domain. */
  readonly domain: string;
  /** "" stands for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A tensor that lies in the graph. Its bytes are loaded when the graph is written, one tensor at a time. */
export interface Constant {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Little-endian, row-major. */
  readonly load: () => Promise<Uint8Array>;
}

/** A graph's input or output; a string in `shape` names a dimension that each run chooses. */
export interface GraphValue {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
}

export interface Graph {
  readonly name: string;
  readonly opsets: readonly Opset[];
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly nodes: readonly GraphNode[];
  readonly constants: readonly Constant[];
  /** The encoder's last states, before its head makes vectors of them. */
  readonly states: string;
}

export interface NodeSpec {
  readonly inputs: readonly string[];
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Names of the outputs where there is more than one; the first is returned. */
  readonly outputs?: readonly string[];
}

/** Domain of ONNX Runtime's own operators. */
export const microsoft = "com.microsoft";

/** Operators that graphs of ours are written for. */
const ownOpsets: readonly Opset[] = [
  { domain: "", version: 23 },
  { domain: microsoft, version: 1 },
];

/** Collects nodes in the order of execution. Every value is named after the node that makes it. */
export class GraphBuilder {
  readonly #inputs: GraphValue[] = [];
  readonly #nodes: GraphNode[] = [];
  readonly #names = new Set<string>();
  readonly #constants = new Map<string, Constant>();

  constructor(readonly opsets: readonly Opset[] = ownOpsets) {}

  /** Version of ONNX's own operators. */
  get opset(): number {
    return this.opsets.find(({ domain }) => domain === "")?.version ?? 1;
  }

  input(value: GraphValue): string {
    this.#inputs.push(value);
    return value.name;
  }

  /** Adds a tensor under its name, or finds the one that is there. */
  constant(constant: Constant): string {
    if (!this.#constants.has(constant.name)) this.#constants.set(constant.name, constant);
    return constant.name;
  }

  /** A float32 scalar. */
  scalar(name: string, value: number): string {
    return this.constant({ name, type: "float32", shape: [], load: async () => bytesOf(Float32Array.of(value)) });
  }

  /** An int64 scalar. */
  integer(name: string, value: number): string {
    const load = async () => bytesOf(BigInt64Array.of(BigInt(value)));
    return this.constant({ name, type: "int64", shape: [], load });
  }

  /** A list of int64, as shapes, axes and sizes are given. */
  integers(name: string, values: readonly number[]): string {
    const load = async () => bytesOf(BigInt64Array.from(values, BigInt));
    return this.constant({ name, type: "int64", shape: [values.length], load });
  }

  /** Adds a node called `name`, which is also its first output's name unless `outputs` says otherwise. @returns that output */
  node(name: string, op: string, spec: NodeSpec): string {
    const outputs = spec.outputs ?? [name];
    const { inputs, domain = "", attributes = {} } = spec;
    this.#nodes.push({ name, op, domain, inputs, outputs, attributes });
    this.#names.add(name);
    return outputs[0] ?? name;
  }

  /** True where a node is called so. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Adds the nodes of another graph, whose values have none of this one's names. */
  adopt(nodes: readonly GraphNode[]): void {
    this.#nodes.push(...nodes);
  }

  finish(name: string, ends: Pick<Graph, "states" | "outputs">): Graph {
    return {
      name,
      opsets: this.opsets,
      inputs: this.#inputs,
      nodes: this.#nodes,
      constants: [...this.#constants.values()],
      ...ends,
    };
  }
}

/** The bytes of a typed array, without a copy. Every platform ONNX Runtime is built for is little-endian. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
