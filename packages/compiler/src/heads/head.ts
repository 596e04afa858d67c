import { MillraceError } from "@millrace/core";
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

/** How the states are pooled, as text: `mean`, `cls + mean`; `in the graph` where an exported one has done it. */
export function poolingText(head: readonly HeadModule[]): string {
  const modes = head.flatMap((module) => (module.kind === "pooling" ? module.modes : []));
  return modes.join(" + ") || "in the graph";
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
  const stranger = head.find((module) => oldestOpset(module) > graph.opset);
  if (stranger !== undefined)
    throw new MillraceError("E_MODEL_UNSUPPORTED", "cannot use the exported graph", {
      why: `it uses opset ${graph.opset}, and a ${stranger.kind} module needs ${oldestOpset(stranger)}`,
      fix: "Export it with a newer opset.",
    });
  if (head.length === 0) return graph.node("vectors", "Identity", { inputs: [states] });
  const used = new Map<string, number>();
  return head.reduce((input, module, index) => {
    const count = (used.get(module.kind) ?? 0) + 1;
    used.set(module.kind, count);
    const part = count === 1 ? module.kind : `${module.kind}.${count}`;
    const output = index === head.length - 1 ? "vectors" : part;
    return addModule(graph, module, { input, part, output, weights });
  }, states);
}

/** Version of ONNX's operators that a module's own are there since. */
function oldestOpset(module: HeadModule): number {
  if (module.kind === "layer-norm") return 17;
  return module.kind === "dense" && module.activation === "GELU" ? 20 : 1;
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
