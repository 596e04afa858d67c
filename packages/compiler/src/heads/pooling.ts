import type { GraphBuilder } from "../graph/builder.js";
import { elementTypes } from "../graph/schema.js";
import { addReduction, addSize } from "../graph/versions.js";
import type { Placement } from "./placement.js";

/** sentence-transformers' names, in the order in which it puts several of them together. */
export const poolingModes = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"] as const;
export type PoolingMode = (typeof poolingModes)[number];

/** Makes one vector of a row's states, or several, one after another in one. */
export interface PoolingModule {
  readonly kind: "pooling";
  /** At least one, none twice. */
  readonly modes: readonly PoolingMode[];
  /** True where a text can have no token at all; its mean is zero. */
  readonly mayBeEmpty?: boolean;
}

/** Turns states [batch, sequence, width] into [batch, width × modes]. Rows have no padding to leave out. */
export function addPooling(
  graph: GraphBuilder,
  { modes, mayBeEmpty = false }: PoolingModule,
  { input: states, part, output }: Placement,
): string {
  const pooling = new Pooling(graph, { states, part, mayBeEmpty });
  const [first = "mean", ...others] = modes;
  if (others.length === 0) return pooling.add(first, output);
  const inputs = modes.map((mode) => pooling.add(mode, `${part}.${mode}`));
  return graph.node(output, "Concat", { inputs, attributes: { axis: { int: 1 } } });
}

interface PoolingPlace {
  readonly states: string;
  readonly part: string;
  readonly mayBeEmpty: boolean;
}

/** The poolings of one module; what two of them need is added once. */
class Pooling {
  readonly #shared = new Map<string, string>();

  constructor(
    readonly graph: GraphBuilder,
    readonly place: PoolingPlace,
  ) {}

  add(mode: PoolingMode, name: string): string {
    switch (mode) {
      case "cls":
        return this.#token(name, { index: "position", place: 0 });
      case "lasttoken":
        return this.#token(name, { index: "last", place: -1 });
      case "max":
        return this.#max(name);
      case "weightedmean":
        return this.#weightedMean(name);
      case "mean_sqrt_len_tokens":
        return this.#meanByRoot(name);
      case "mean":
        return this.graph.node(name, "Div", { inputs: [this.#sum(), this.#divisor()] });
    }
  }

  #token(name: string, { index, place }: { readonly index: string; readonly place: number }): string {
    const { graph } = this;
    const inputs = [this.place.states, graph.integer(this.#named(index), place)];
    return graph.node(name, "Gather", { inputs, attributes: { axis: { int: 1 } } });
  }

  #max(name: string): string {
    const spec = { input: this.place.states, axes: this.#named("axis"), axis: 1, keepsAxis: false };
    return addReduction(this.graph, name, "ReduceMax", spec);
  }

  #meanByRoot(name: string): string {
    const inputs = [this.#sum(), this.#divisor()];
    const root = this.graph.node(this.#named("root"), "Sqrt", { inputs: inputs.slice(1) });
    return this.graph.node(name, "Div", { inputs: [this.#sum(), root] });
  }

  /** The n-th token weighs n. */
  #weightedMean(name: string): string {
    const { graph } = this;
    const count = graph.node(this.#named("weights.count"), "Squeeze", { inputs: [this.#tokens()] });
    const [zero, one] = [graph.integer(this.#named("weights.zero"), 0), graph.integer(this.#named("weights.step"), 1)];
    const places = graph.node(this.#named("weights.places"), "Range", { inputs: [zero, count, one] });
    const numbers = graph.node(this.#named("weights.numbers"), "Add", { inputs: [places, one] });
    const weights = this.#asFloats("weights", numbers);
    const sum = graph.node(this.#named("weighted"), "MatMul", { inputs: [weights, this.place.states] });
    const total = graph.node(this.#named("weights.total"), "ReduceSum", { inputs: [weights] });
    const divisor = graph.node(this.#named("weights.divisor"), "Squeeze", { inputs: [total] });
    return graph.node(name, "Div", { inputs: [sum, divisor] });
  }

  /**
   * A product with ones and a division, row by row. ReduceMean sums in another order when a run has one row than when it
   * has several, so that a vector's last bits would depend on its neighbours.
   */
  #sum(): string {
    const { graph } = this;
    return this.#once("sum", (name) => {
      const { states, length } = this.place.mayBeEmpty
        ? this.#padded()
        : { states: this.place.states, length: this.#tokens() };
      const ones = graph.node(this.#named("ones"), "Expand", { inputs: [graph.scalar(this.#named("one"), 1), length] });
      return graph.node(name, "MatMul", { inputs: [ones, states] });
    });
  }

  /** With a state of zeros at the end: of no terms at all the kernel's sum is whatever lay in its memory. */
  #padded(): { readonly states: string; readonly length: string } {
    const { graph } = this;
    const pads = graph.integers(this.#named("pads"), [0, 0, 0, 0, 1, 0]);
    const states = graph.node(this.#named("padded"), "Pad", { inputs: [this.place.states, pads] });
    return { states, length: this.#lengthOf("padded.length", states) };
  }

  /** Number of tokens as a float; 1 for none. */
  #divisor(): string {
    const { graph } = this;
    return this.#once("divisor", () => {
      const count = this.#asFloats("divisor", this.#tokens());
      if (!this.place.mayBeEmpty) return count;
      return graph.node(this.#named("floor"), "Max", { inputs: [count, graph.scalar(this.#named("least"), 1)] });
    });
  }

  /** Number of tokens in each row: int64 [1]. */
  #tokens(): string {
    return this.#once("length", () => this.#lengthOf("length", this.place.states));
  }

  #lengthOf(name: string, states: string): string {
    return addSize(this.graph, this.#named(name), { input: states, axis: 1 });
  }

  #asFloats(name: string, input: string): string {
    const attributes = { to: { int: elementTypes.float32 } };
    return this.graph.node(this.#named(name), "Cast", { inputs: [input], attributes });
  }

  #named(name: string): string {
    return `${this.place.part}.${name}`;
  }

  #once(name: string, add: (name: string) => string): string {
    const known = this.#shared.get(name) ?? add(this.#named(name));
    this.#shared.set(name, known);
    return known;
  }
}
