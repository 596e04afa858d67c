import { bytesOf, type Constant, type Graph, type GraphNode } from "../graph/builder.js";
import { elementTypes } from "../graph/schema.js";
import { nodeOf, pruned, wiringOf } from "./rewrite.js";

/**
 * Computes from the ids what a graph computes from the shape of its states: how many tokens a row has, their numbers, and
 * a one for each. ONNX Runtime leaves what follows from a `Shape` to the processor, and a session that must not use the
 * processor then refuses the graph.
 */
export function withoutShapes(graph: Graph): Graph {
  const { producer } = wiringOf(graph);
  const isLength = (value: string) => isRowLength(producer(value));
  const isCount = (value: string) => {
    const node = producer(value);
    return node?.op === "Squeeze" && isLength(node.inputs[0] ?? "");
  };
  const replaced = graph.nodes.flatMap((node): readonly GraphNode[] => {
    const [first = "", second = "", third = ""] = node.inputs;
    if (isRowLength(node)) return [castTo(node.name, `${row}.count`, "int64")];
    if (node.op === "Expand" && isLength(second)) return [nodeOf(node.name, "Mul", [`${row}.ones`, first])];
    if (node.op === "Range" && isCount(second))
      return [
        nodeOf(`${node.name}.steps`, "Mul", [`${row}.places`, third]),
        nodeOf(node.name, "Add", [`${node.name}.steps`, first]),
      ];
    return [node];
  });
  if (!graph.nodes.some(isRowLength)) return graph;
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
    nodeOf(`${row}.count`, "ReduceMax", [`${row}.numbers`, one], { keepdims: { int: 0 } }),
    castTo(`${row}.numbers.wide`, `${row}.numbers`, "int64"),
    nodeOf(`${row}.numbers.flat`, "Squeeze", [`${row}.numbers.wide`, zero]),
    nodeOf(`${row}.places`, "Add", [`${row}.numbers.flat`, minusOne]),
    castTo(`${row}.each.float`, `${row}.each`, "float32"),
    nodeOf(`${row}.ones`, "Squeeze", [`${row}.each.float`, zero]),
  ];
}

const rowConstants: readonly Constant[] = [
  list("zero", 0),
  list("one", 1),
  list("minus-one", -1),
  { name: `${row}.axis`, type: "int64", shape: [], load: async () => bytesOf(BigInt64Array.of(1n)) },
  { name: `${row}.unit`, type: "int32", shape: [], load: async () => bytesOf(Int32Array.of(1)) },
];

function list(name: string, value: number): Constant {
  const load = async () => bytesOf(BigInt64Array.of(BigInt(value)));
  return { name: `${row}.${name}`, type: "int64", shape: [1], load };
}

function castTo(name: string, input: string, type: keyof typeof elementTypes): GraphNode {
  return nodeOf(name, "Cast", [input], { to: { int: elementTypes[type] } });
}
