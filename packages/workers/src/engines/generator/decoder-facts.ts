/** What a decoder's keys and values are made of. */
export interface CacheShape {
  readonly layers: number;
  readonly keyHeads: number;
  /** Floats of one head. */
  readonly headWidth: number;
}

/** What a compiled decoder says of its graph. */
export interface DecoderFacts extends CacheShape {
  readonly vocabularySize: number;
  /** Rows that a run of one token for each must have, for its bits not to depend on how many there are. */
  readonly leastRows: number;
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

/** How the processor is used. */
export interface DecoderThreads {
  /** Threads that share one run. */
  readonly threads: number;
  /** Runs at the same time on one copy of the weights, where the binding can do that. */
  readonly lanes: number;
}

/** Names of what a graph reads of each layer's past, and of what it writes, in the same order. */
export function cacheNames({ layers }: CacheShape): readonly { readonly past: string; readonly present: string }[] {
  return Array.from({ length: layers }, (_, layer) =>
    ["key", "value"].map((part) => ({ past: `past_${part}.${layer}`, present: `present_${part}.${layer}` })),
  ).flat();
}
