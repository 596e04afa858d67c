import type { GraphBuilder } from "../graph/builder.js";
import { type Affine, addGatedFeedForward, addLinear, addResidualNorm, type Linear } from "./layers.js";
import type { Rotary } from "./rotary.js";
import { addRotaryAttention } from "./rotary-attention.js";

/** Sizes of an encoder with rotary positions whose layer norms stand after each residual. */
export interface RotaryPostNormConfig {
  readonly hidden: number;
  readonly heads: number;
  readonly activation: string;
  readonly epsilon: number;
  readonly positions: number;
  readonly rotary: Rotary;
}

/** The tensors of one layer. */
export interface RotaryPostNormLayer {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly mixed: Linear;
  readonly attentionNorm: Affine;
  readonly gate: Linear;
  readonly inner: Linear;
  readonly outer: Linear;
  readonly outputNorm: Affine;
}

export interface RotaryPostNormSpec {
  readonly config: RotaryPostNormConfig;
  readonly parts: RotaryPostNormLayer;
}

/** Adds a layer called `name`: states [batch, sequence, hidden] → the same. */
export function addRotaryPostNormLayer(
  graph: GraphBuilder,
  name: string,
  states: string,
  { config, parts }: RotaryPostNormSpec,
): string {
  const { hidden, heads, activation, epsilon, positions, rotary } = config;
  const { query, key, value, mixed, gate, inner, outer } = parts;
  const width = hidden / heads;
  const spec = { input: states, query, key, value, heads, keyHeads: heads, width };
  const turned = { ...rotary, table: "rotary", positions };
  const heard = addRotaryAttention(graph, `${name}.attention.heads`, { ...spec, rotary: turned });
  const attention = addLinear(graph, `${name}.attention.output`, { input: heard, ...mixed });
  const residual = { input: attention, residual: states, epsilon, ...parts.attentionNorm };
  const attended = addResidualNorm(graph, `${name}.attention.norm`, residual);
  const widened = { input: attended, gate, inner, outer, activation };
  const input = addGatedFeedForward(graph, `${name}.feed-forward`, widened);
  const norm = { input, residual: attended, epsilon, ...parts.outputNorm };
  return addResidualNorm(graph, `${name}.feed-forward.norm`, norm);
}
