import type { GraphBuilder } from "./builder.js";

/** Size of one axis: int64 [1]. An exported graph may be written for operators that cannot say it at once. */
export function addSize(graph: GraphBuilder, name: string, { input, axis }: { input: string; axis: number }): string {
  if (graph.opset >= 15) {
    const attributes = { start: { int: axis }, end: { int: axis + 1 } };
    return graph.node(name, "Shape", { inputs: [input], attributes });
  }
  const shape = graph.node(`${name}.shape`, "Shape", { inputs: [input] });
  return graph.node(name, "Gather", { inputs: [shape, graph.integers(`${name}.axis`, [axis])] });
}

export interface ReductionSpec {
  readonly input: string;
  /** The list of axes is a constant of this name, where it is an input. */
  readonly axes: string;
  readonly axis: number;
  readonly keepsAxis: boolean;
}

/** ReduceMax or ReduceL2 over one axis. Before opset 18 the axes are an attribute. */
export function addReduction(
  graph: GraphBuilder,
  name: string,
  op: "ReduceMax" | "ReduceL2",
  { input, axes, axis, keepsAxis }: ReductionSpec,
): string {
  const keepdims = keepsAxis ? {} : { keepdims: { int: 0 } };
  if (graph.opset >= 18)
    return graph.node(name, op, { inputs: [input, graph.integers(axes, [axis])], attributes: keepdims });
  return graph.node(name, op, { inputs: [input], attributes: { axes: { ints: [axis] }, ...keepdims } });
}
