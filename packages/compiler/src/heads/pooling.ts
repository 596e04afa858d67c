import type { GraphBuilder } from "../graph/builder.js";
import { elementTypes } from "../graph/schema.js";
import type { Placement } from "./placement.js";

/** sentence-transformers' names, in the order in which it puts several of them together. */
export const poolingModes = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"] as const;
export type PoolingMode = (typeof poolingModes)[number];

/** Makes one vector of a row's states, or several, one after another in one. */
export interface PoolingModule {
  readonly kind: "pooling";
  /** At least one, none twice. */
  readonly modes: readonly PoolingMode[];
}

/** Turns states [batch, sequence, width] into [batch, width × modes]. Rows have no padding to leave out. */
export function addPooling(
  graph: GraphBuilder,
  { modes }: PoolingModule,
  { input: states, part, output }: Placement,
): string {
  const pooling = new Pooling(graph, states, part);
  const [first = "mean", ...others] = modes;
  if (others.length === 0) return pooling.add(first, output);
  const inputs = modes.map((mode) => pooling.add(mode, `${part}.${mode}`));
  return graph.node(output, "Concat", { inputs, attributes: { axis: { int: 1 } } });
}

class Pooling {
  #tokensName: string | undefined;
  #divisorName: string | undefined;
  #sumName: string | undefined;

  constructor(
    readonly graph: GraphBuilder,
    readonly states: string,
    readonly part: string,
  ) {}

  add(mode: PoolingMode, name: string): string {
    switch (mode) {
      case "cls":
        return this.#token(name, 0);
      case "lasttoken":
        return this.#token(name, -1);
      case "max":
        return this.#max(name);
      case "weightedmean":
        return this.#weightedMean(name);
      case "mean_sqrt_len_tokens":
        return this.#mean(name, true);
      case "mean":
        return this.#mean(name, false);
    }
  }

  #token(name: string, position: number): string {
    const index = this.graph.integer(`${this.part}.position${position < 0 ? ".last" : ""}`, position);
    return this.graph.node(name, "Gather", { inputs: [this.states, index], attributes: { axis: { int: 1 } } });
  }

  #max(name: string): string {
    const inputs = [this.states, this.graph.integers(`${this.part}.axis`, [1])];
    return this.graph.node(name, "ReduceMax", { inputs, attributes: { keepdims: { int: 0 } } });
  }

  /** Divided by the number of tokens, or by its square root. */
  #mean(name: string, isBySquareRoot: boolean): string {
    const sum = this.#tokenSum();
    const divisor = this.#divisor();
    const root = isBySquareRoot && this.graph.node(`${this.part}.root`, "Sqrt", { inputs: [divisor] });
    return this.graph.node(name, "Div", { inputs: [sum, root || divisor] });
  }

  /** The n-th token weighs n. */
  #weightedMean(name: string): string {
    const { graph, part } = this;
    const count = graph.node(`${part}.weights.count`, "Squeeze", { inputs: [this.#tokens()] });
    const [first, step] = [graph.integer(`${part}.weights.first`, 0), graph.integer(`${part}.weights.step`, 1)];
    const places = graph.node(`${part}.weights.places`, "Range", { inputs: [first, count, step] });
    const numbers = graph.node(`${part}.weights.numbers`, "Add", { inputs: [places, step] });
    const weights = this.#asFloats(`${part}.weights`, numbers);
    const sum = graph.node(`${part}.weighted`, "MatMul", { inputs: [weights, this.states] });
    const total = graph.node(`${part}.weights.total`, "ReduceSum", { inputs: [weights] });
    const divisor = graph.node(`${part}.weights.divisor`, "Squeeze", { inputs: [total] });
    return graph.node(name, "Div", { inputs: [sum, divisor] });
  }

  /**
   * A product with ones and a division, row by row. ReduceMean sums in another order when a run has one row than when it
   * has several, so that a vector's last bits would depend on its neighbours.
   */
  #tokenSum(): string {
    const { graph, part } = this;
    const add = () => {
      const ones = graph.node(`${part}.ones`, "Expand", { inputs: [graph.scalar(`${part}.one`, 1), this.#tokens()] });
      return graph.node(`${part}.sum`, "MatMul", { inputs: [ones, this.states] });
    };
    this.#sumName ??= add();
    return this.#sumName;
  }

  #divisor(): string {
    this.#divisorName ??= this.#asFloats(`${this.part}.divisor`, this.#tokens());
    return this.#divisorName;
  }

  /** Number of tokens in each row: int64 [1]. */
  #tokens(): string {
    const attributes = { start: { int: 1 }, end: { int: 2 } };
    this.#tokensName ??= this.graph.node(`${this.part}.length`, "Shape", { inputs: [this.states], attributes });
    return this.#tokensName;
  }

  #asFloats(name: string, input: string): string {
    return this.graph.node(name, "Cast", { inputs: [input], attributes: { to: { int: elementTypes.float32 } } });
  }
}
