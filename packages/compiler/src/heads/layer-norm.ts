import { addNorm } from "../architectures/layers.js";
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
  { input, output, weights }: Placement,
): string {
  const tensor = (name: string) => weights.folder(folder).tensor(`norm.${name}`, [dimensions]);
  return addNorm(graph, output, { input, weight: tensor("weight"), bias: tensor("bias"), epsilon });
}
