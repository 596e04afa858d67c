import type { GraphBuilder, Opset } from "../graph/builder.js";
import type { PoolingMode } from "../heads/pooling.js";
import type { JsonFile } from "../json.js";
import type { Weights } from "../weights/checkpoint.js";

/** What an architecture makes of a config.json. */
export interface EncoderPlan {
  /** Width of a state, and of the vector pooled from it. */
  readonly dimensions: number;
  /** Longest row the positions reach, special tokens included. */
  readonly maxTokens: number;
  readonly vocabularySize: number;
  /** What the names of its tensors may begin with in checkpoints that hold more than the encoder. */
  readonly prefixes: readonly string[];
  /** Whether rows have the special tokens that the tokenizer knows. */
  readonly hasSpecialTokens: boolean;
  /** How sentence-transformers pools the states of one that comes without modules.json. */
  readonly barePooling: PoolingMode;
  /** Operators that its graph is written for, where it was not written here. */
  readonly opsets?: readonly Opset[];
  /** False where a row's vector could depend on the rows beside it, so that a run must have one row. */
  readonly isRowIndependent?: boolean;
  /** True where a token can belong to the second of two texts, which `build` is then told. */
  readonly hasSegments?: boolean;
  /**
   * Adds the encoder: int32 ids [batch, sequence] → states [batch, sequence, dimensions]. `segments`, shaped like the ids,
   * says which of two texts a token is of; without it all are of the first. @returns the states' name
   */
  build(graph: GraphBuilder, weights: Weights, ids: string, segments?: string): string;
}

/**
 * An architecture is one function: it checks the config.json of its `model_type` and plans the graph.
 * @throws E_MODEL_INVALID or E_MODEL_UNSUPPORTED, naming the field and its value
 */
export type Architecture = (config: JsonFile) => EncoderPlan;
