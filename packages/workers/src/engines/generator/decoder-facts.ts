import type { CompiledEncoder, CompiledGenerator } from "@millrace/compiler";
import { MillraceError } from "@millrace/core";
import type { LoadedWeights } from "../session.js";
import type { GraphPlace } from "../verified-graph.js";

/** What a decoder's keys and values are made of. */
export interface CacheShape {
  readonly layers: number;
  readonly keyHeads: number;
  /** Floats of one head. */
  readonly headWidth: number;
}

/** The encoder beside a decoder. */
export interface EncoderFacts {
  readonly graphPath: string;
  readonly graphDigest: string;
  /** What the decoder begins with. */
  readonly start: number;
}

/** What a compiled decoder says of its graph. */
export interface DecoderFacts extends CacheShape {
  readonly encoder?: EncoderFacts;
  readonly vocabularySize: number;
  /** Rows that a run of one token for each must have, for its bits not to depend on how many there are. */
  readonly leastRows: number;
}

/** What is said of a compiled generator's graphs. @throws E_MODEL_INVALID for a decoder that does not say what it begins with */
export function decoderFacts(model: CompiledGenerator): DecoderFacts & GraphPlace {
  const { graphPath, graphDigest, weights, layers, keyHeads, headWidth, vocabularySize, leastRows } = model;
  const facts = { graphPath, graphDigest, weights, layers, keyHeads, headWidth, vocabularySize, leastRows };
  return model.encoder === undefined ? facts : { ...facts, encoder: encoderFacts(model, model.encoder) };
}

function encoderFacts({ tokens, architecture }: CompiledGenerator, encoder: CompiledEncoder): EncoderFacts {
  const start = tokens.decoderStart ?? tokens.beginning;
  if (start !== undefined) return { graphPath: encoder.graphPath, graphDigest: encoder.graphDigest, start };
  throw new MillraceError("E_MODEL_INVALID", `this model of type ${architecture} cannot answer`, {
    why: "neither generation_config.json nor config.json says what its decoder begins with",
    fix: "Add decoder_start_token_id to generation_config.json.",
  });
}

/** Ids and pasts of a decode, with rows of no use behind them where there are too few; these are in slots that nobody uses. */
export function withLeastRows(
  ids: Int32Array,
  pasts: Int32Array,
  { leastRows }: DecoderFacts,
): { readonly ids: Int32Array; readonly pasts: Int32Array } {
  if (pasts.length >= leastRows) return { ids, pasts };
  const longer = (numbers: Int32Array) => {
    const all = new Int32Array(leastRows);
    all.set(numbers);
    return all;
  };
  return { ids: longer(ids), pasts: longer(pasts) };
}

/** What a decoder is loaded with besides its graph. */
export interface DecoderParts {
  readonly weights: readonly LoadedWeights[];
  /** The graph of the encoder that the facts name. */
  readonly encoder?: Uint8Array | undefined;
}

/** How the processor is used. */
export interface DecoderThreads {
  /** Threads that share one run. */
  readonly threads: number;
  /** Runs at the same time on one copy of the weights, where the binding can do that. */
  readonly lanes: number;
}

/** Names of what a graph reads of each layer's source, keys before values. */
export function sourceNames({ layers }: CacheShape): readonly string[] {
  return Array.from({ length: layers }, (_, layer) => [`cross_key.${layer}`, `cross_value.${layer}`]).flat();
}

/** Names of what a graph reads of each layer's past, and of what it writes, in the same order. */
export function cacheNames({ layers }: CacheShape): readonly { readonly past: string; readonly present: string }[] {
  return Array.from({ length: layers }, (_, layer) =>
    ["key", "value"].map((part) => ({ past: `past_${part}.${layer}`, present: `present_${part}.${layer}` })),
  ).flat();
}
