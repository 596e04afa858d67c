import type { Linear } from "../architectures/layers.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";

/** What a generator's memory of past tokens is made of. */
export interface CacheShape {
  readonly layers: number;
  /** Heads of keys and values. */
  readonly keyHeads: number;
  /** Floats of one head. */
  readonly headWidth: number;
}

/** What a decoder architecture makes of a config.json. */
export interface DecoderPlan extends CacheShape {
  readonly vocabularySize: number;
  /** Most tokens of a row, those that are generated included. */
  readonly contextLength: number;
  /** What the names of its tensors may begin with. */
  readonly prefixes: readonly string[];
  /** Adds the decoder: int32 ids [rows, tokens] → states. */
  build(graph: GraphBuilder, weights: Weights, inputs: DecoderInputs): DecoderStates;
}

/** A decoder beside an encoder, whose states every layer attends to as well. */
export interface SequencePlan extends DecoderPlan {
  /** Most tokens of a source. */
  readonly sourceLength: number;
  /** Adds the encoder: int32 ids [rows, sources] → states [rows, sources, hidden]. @returns the states' name */
  buildEncoder(graph: GraphBuilder, weights: Weights, ids: string): string;
  /** What makes keys and values for a layer of the encoder's states. */
  sourceParts(weights: Weights, layer: number): { readonly key: Linear; readonly value: Linear };
}

export function isSequencePlan(plan: DecoderPlan): plan is SequencePlan {
  return "buildEncoder" in plan;
}

/** Names of a decoder graph's inputs. */
export interface DecoderInputs {
  /** int32 [rows, tokens]. */
  readonly ids: string;
  /** int32 [rows]: a row's tokens, past and new, less one. */
  readonly lastPositions: string;
  /** int32 []: the most tokens of a row, past and new. */
  readonly longest: string;
  /** Adds the new tokens' places in their rows where they are not there yet: int64 [rows, tokens]. */
  positions(): string;
}

export interface DecoderStates {
  /** float32 [rows, tokens, hidden]. */
  readonly states: string;
  /** Adds the head: states of one token for each row, [rows, hidden] → logits [rows, vocabulary] under `name`. */
  addHead(name: string, states: string): string;
}

/**
 * A decoder architecture is one function: it checks the config.json of its `model_type` and plans the graph.
 * @throws E_MODEL_INVALID or E_MODEL_UNSUPPORTED, naming the field and its value
 */
export type DecoderArchitecture = (config: JsonFile) => DecoderPlan;
