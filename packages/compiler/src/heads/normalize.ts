import type { GraphBuilder } from "../graph/builder.js";
import { addReduction } from "../graph/versions.js";
import type { Placement } from "./placement.js";

/** Divides each vector by its Euclidean length. */
export interface NormalizeModule {
  readonly kind: "normalize";
}

/** Keeps the first floats of each vector. */
export interface CutModule {
  readonly kind: "cut";
  readonly dimensions: number;
}

/** Floor of the length a vector is divided by, as PyTorch's `normalize` has it: a vector of zeros stays one. */
const shortestLength = 1e-12;

export function addNormalization(graph: GraphBuilder, { input, part, output }: Placement): string {
  const reduction = { input, axes: `${part}.axis`, axis: 1, keepsAxis: true };
  const length = addReduction(graph, `${part}.length`, "ReduceL2", reduction);
  const shortest = graph.scalar(`${part}.shortest`, shortestLength);
  const floored = graph.node(`${part}.floor`, "Max", { inputs: [length, shortest] });
  return graph.node(output, "Div", { inputs: [input, floored] });
}

export function addCut(graph: GraphBuilder, { dimensions }: CutModule, { input, part, output }: Placement): string {
  const places = [graph.integers(`${part}.start`, [0]), graph.integers(`${part}.end`, [dimensions])];
  return graph.node(output, "Slice", { inputs: [input, ...places, graph.integers(`${part}.axis`, [1])] });
}
