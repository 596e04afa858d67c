import type { ModelWeights } from "../weights/model-weights.js";

/** Where a module of a head stands in the graph. */
export interface Placement {
  readonly input: string;
  /** What the names of the module's inner nodes begin with. */
  readonly part: string;
  /** Name of the module's result. */
  readonly output: string;
  /** For modules that have weights of their own. */
  readonly weights: ModelWeights;
}
