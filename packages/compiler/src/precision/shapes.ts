import { bytesOf, type Constant, type Graph, type GraphNode } from "../graph/builder.js";
import { elementTypes } from "../graph/schema.js";
import { nodeOf, pruned, wiringOf } from "./rewrite.js";

/**
 * Computes from the ids what a graph computes from the shape of its states: how many tokens a row has, their numbers, and
 * a one for each. ONNX Runtime leaves what follows from a `Shape` to the processor, and a session that must not use the
 * processor then refuses the graph.
 */
export function withoutShapes(graph: Graph): Graph {
  const lengths = graph.nodes.filter(isRowLength);
  if (lengths.length === 0) return graph;
  const { producer } = wiringOf(graph);
  const isCount = (value: string) => {
    const node = producer(value);
    return node?.op === "Squeeze" && isRowLength(producer(node.inputs[0] ?? ""));
  };
  /** What the names of a row's values begin with: states that were made longer are counted by themselves. */
  const rowOf = (length: GraphNode | undefined) => {
    const [states = ""] = length?.inputs ?? [];
    return producer(states)?.op === "Pad" ? `${states}.${row}` : row;
  };
  const replaced = graph.nodes.flatMap((node): readonly GraphNode[] => {
    const [first = "", second = "", third = ""] = node.inputs;
    const length = producer(second);
    if (isRowLength(node)) return [castTo(node.name, `${rowOf(node)}.count`, "int64")];
    if (node.op === "Pad") return [node, ...paddedNodes(node.name)];
    if (node.op === "Expand" && isRowLength(length))
      return [nodeOf(node.name, "Mul", [`${rowOf(length)}.ones`, first])];
    if (node.op === "Range" && isCount(second))
      return [
        nodeOf(`${node.name}.steps`, "Mul", [`${row}.places`, third]),
        nodeOf(node.name, "Add", [`${node.name}.steps`, first]),
      ];
    return [node];
  });
  const ids = graph.inputs[0]?.name ?? "";
  return pruned({
    ...graph,
    nodes: [...rowNodes(ids), ...replaced],
    constants: [...graph.constants, ...rowConstants],
  });
}

/** The second axis alone: [batch, sequence, …] → [1]. */
function isRowLength(node: GraphNode | undefined): boolean {
  if (node?.op !== "Shape") return false;
  const { start, end } = node.attributes;
  return start !== undefined && "int" in start && start.int === 1 && end !== undefined && "int" in end && end.int === 2;
}

const row = "row";

/** Of the first row, since all are equally long: ids [batch, sequence] → `ones` float32 and `places` int64 [sequence], `count` int32 [1]. */
function rowNodes(ids: string): readonly GraphNode[] {
  const [zero, one, minusOne] = [`${row}.zero`, `${row}.one`, `${row}.minus-one`];
  return [
    nodeOf(`${row}.ids`, "Slice", [ids, zero, one, zero]),
    nodeOf(`${row}.zeros`, "Sub", [`${row}.ids`, `${row}.ids`]),
    nodeOf(`${row}.each`, "Add", [`${row}.zeros`, `${row}.unit`]),
    nodeOf(`${row}.numbers`, "CumSum", [`${row}.each`, `${row}.axis`]),
    nodeOf(`${row}.count`, "ReduceSum", [`${row}.each`, one], { keepdims: { int: 0 } }),
    castTo(`${row}.numbers.wide`, `${row}.numbers`, "int64"),
    nodeOf(`${row}.numbers.flat`, "Squeeze", [`${row}.numbers.wide`, zero]),
    nodeOf(`${row}.places`, "Add", [`${row}.numbers.flat`, minusOne]),
    castTo(`${row}.each.float`, `${row}.each`, "float32"),
    nodeOf(`${row}.ones`, "Squeeze", [`${row}.each.float`, zero]),
  ];
}

/** Of states [batch, sequence, width] that were made longer: `ones` float32 [sequence], `count` float32 [1]. */
function paddedNodes(states: string): readonly GraphNode[] {
  const name = `${states}.${row}`;
  return [
    nodeOf(`${name}.first`, "Slice", [states, `${row}.starts`, `${row}.ends`, `${row}.outer`]),
    nodeOf(`${name}.values`, "Squeeze", [`${name}.first`, `${row}.outer`]),
    nodeOf(`${name}.zeros`, "Sub", [`${name}.values`, `${name}.values`]),
    nodeOf(`${name}.ones`, "Add", [`${name}.zeros`, `${row}.float`]),
    nodeOf(`${name}.count`, "ReduceSum", [`${name}.ones`], { keepdims: { int: 1 } }),
  ];
}

const rowConstants: readonly Constant[] = [
  list("starts", 0, 0),
  list("ends", 1, 1),
  list("outer", 0, 2),
  { name: `${row}.float`, type: "float32", shape: [], load: async () => bytesOf(Float32Array.of(1)) },
  list("zero", 0),
  list("one", 1),
  list("minus-one", -1),
  { name: `${row}.axis`, type: "int64", shape: [], load: async () => bytesOf(BigInt64Array.of(1n)) },
  { name: `${row}.unit`, type: "int32", shape: [], load: async () => bytesOf(Int32Array.of(1)) },
];

function list(name: string, ...values: readonly number[]): Constant {
  const load = async () => bytesOf(BigInt64Array.from(values, BigInt));
  return { name: `${row}.${name}`, type: "int64", shape: [values.length], load };
}

function castTo(name: string, input: string, type: keyof typeof elementTypes): GraphNode {
  return nodeOf(name, "Cast", [input], { to: { int: elementTypes[type] } });
}
