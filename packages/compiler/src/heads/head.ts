import type { GraphBuilder } from "../graph/builder.js";
import type { ModelWeights } from "../weights/model-weights.js";
import { addDense, type DenseModule } from "./dense.js";
import { addLayerNorm, type LayerNormModule } from "./layer-norm.js";
import { addCut, addNormalization, type CutModule, type NormalizeModule } from "./normalize.js";
import type { Placement } from "./placement.js";
import { addPooling, type PoolingModule } from "./pooling.js";

/** One of the modules that make one vector of an encoder's states, in the order of sentence-transformers' modules.json. */
export type HeadModule = PoolingModule | DenseModule | LayerNormModule | NormalizeModule | CutModule;

/** Floats in a vector that has gone through `head`, where a state has `width`. */
export function vectorWidth(head: readonly HeadModule[], width: number): number {
  return head.reduce((floats, module) => {
    if (module.kind === "pooling") return floats * module.modes.length;
    if (module.kind === "dense") return module.outputs;
    return module.kind === "cut" ? module.dimensions : floats;
  }, width);
}

/** How the states are pooled, as text: `mean`, `cls + mean`. */
export function poolingText(head: readonly HeadModule[]): string {
  return head.flatMap((module) => (module.kind === "pooling" ? module.modes : [])).join(" + ");
}

/** True where every vector has length 1. */
export function isNormalized(head: readonly HeadModule[]): boolean {
  return head.at(-1)?.kind === "normalize";
}

/** Cuts vectors to their first `dimensions` floats (Matryoshka). What was normalised is normalised again. */
export function cutHead(head: readonly HeadModule[], dimensions: number): readonly HeadModule[] {
  const cut: HeadModule = { kind: "cut", dimensions };
  return isNormalized(head) ? [...head.slice(0, -1), cut, { kind: "normalize" }] : [...head, cut];
}

/** Turns states [batch, sequence, width] into `vectors` [batch, width of a vector]. */
export function addHead(
  graph: GraphBuilder,
  states: string,
  { head, weights }: { readonly head: readonly HeadModule[]; readonly weights: ModelWeights },
): string {
  const used = new Map<string, number>();
  return head.reduce((input, module, index) => {
    const count = (used.get(module.kind) ?? 0) + 1;
    used.set(module.kind, count);
    const part = count === 1 ? module.kind : `${module.kind}.${count}`;
    const output = index === head.length - 1 ? "vectors" : part;
    return addModule(graph, module, { input, part, output, weights });
  }, states);
}

function addModule(graph: GraphBuilder, module: HeadModule, placement: Placement): string {
  switch (module.kind) {
    case "pooling":
      return addPooling(graph, module, placement);
    case "dense":
      return addDense(graph, module, placement);
    case "layer-norm":
      return addLayerNorm(graph, module, placement);
    case "normalize":
      return addNormalization(graph, placement);
    case "cut":
      return addCut(graph, module, placement);
  }
}
