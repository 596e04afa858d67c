import { addWeight } from "../architectures/layers.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Placement } from "./placement.js";

/** A layer norm over each vector, with PyTorch's own epsilon. */
export interface LayerNormModule {
  readonly kind: "layer-norm";
  /** Folder of its weights, relative to the model directory. */
  readonly folder: string;
  readonly dimensions: number;
}

const epsilon = 1e-5;

export function addLayerNorm(
  graph: GraphBuilder,
  { folder, dimensions }: LayerNormModule,
  { input, part, output, weights }: Placement,
): string {
  const tensor = (name: string) => weights.folder(folder).tensor(`norm.${name}`, [dimensions]);
  const inputs = [input, ...["weight", "bias"].map((name) => addWeight(graph, `${part}.${name}`, tensor(name)))];
  const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } };
  return graph.node(output, "LayerNormalization", { inputs, attributes });
}
