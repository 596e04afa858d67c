import { type Graph, GraphBuilder } from "../graph/builder.js";
import { elementTypes } from "../graph/schema.js";
import type { Weights } from "../weights/checkpoint.js";
import { addPast, presentOutputs } from "./attention.js";
import { type DecoderInputs, type DecoderPlan, isSequencePlan, type SequencePlan } from "./decoder.js";
import { addPositions } from "./positions.js";
import { addSourceParts, addSources } from "./sources.js";

/** Describes a decoder's graph, whose inputs and outputs `CompiledGenerator` explains; each weight is looked up, none is read. */
export function buildDecoder(architecture: string, plan: DecoderPlan, weights: Weights): Graph {
  const graph = new GraphBuilder();
  const names = {
    ids: graph.input({ name: "ids", type: "int32", shape: ["rows", "tokens"] }),
    lastPositions: graph.input({ name: "seqlens_k", type: "int32", shape: ["rows"] }),
    longest: graph.input({ name: "total_sequence_length", type: "int32", shape: [] }),
  };
  const wanted = graph.input({ name: "logit_positions", type: "int32", shape: ["rows"] });
  let positions: string | undefined;
  const inputs: DecoderInputs = {
    ...names,
    positions: () => {
      positions ??= addPositions(graph, names);
      return positions;
    },
  };
  addPast(graph, plan);
  if (isSequencePlan(plan)) addSources(graph, plan);
  const { states, addHead } = plan.build(graph, weights, inputs);
  const logits = addHead("logits", addWantedStates(graph, states, wanted));
  const best = addBest(graph, logits);
  const outputs = [
    { name: logits, type: "float32", shape: ["rows", plan.vocabularySize] },
    { name: best, type: "int32", shape: ["rows"] },
    ...presentOutputs(plan),
  ] as const;
  return graph.finish(architecture, { states, outputs });
}

/** Describes the graph of the encoder beside a decoder: `ids` int32 [rows, sources] → keys and values for every layer. */
export function buildEncoder(architecture: string, plan: SequencePlan, weights: Weights): Graph {
  const graph = new GraphBuilder();
  const ids = graph.input({ name: "ids", type: "int32", shape: ["rows", "sources"] });
  const states = plan.buildEncoder(graph, weights, ids);
  return graph.finish(`${architecture}-encoder`, { states, outputs: addSourceParts(graph, states, { plan, weights }) });
}

/** States of one token for each row: [rows, tokens, hidden] → [rows, hidden]. */
function addWantedStates(graph: GraphBuilder, states: string, wanted: string): string {
  const place = graph.node("wanted.places", "Cast", {
    inputs: [wanted],
    attributes: { to: { int: elementTypes.int64 } },
  });
  const places = graph.node("wanted.column", "Unsqueeze", { inputs: [place, graph.integers("last-axis", [-1])] });
  return graph.node("wanted", "GatherND", { inputs: [states, places], attributes: { batch_dims: { int: 1 } } });
}

/** The first of the most likely tokens. */
function addBest(graph: GraphBuilder, logits: string): string {
  const attributes = { axis: { int: -1 }, keepdims: { int: 0 } };
  const best = graph.node("best.place", "ArgMax", { inputs: [logits], attributes });
  return graph.node("best", "Cast", { inputs: [best], attributes: { to: { int: elementTypes.int32 } } });
}
