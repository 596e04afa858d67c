import type { DecodingOptions, TokenLogprob } from "@millrace/core";

/** The first of the highest. */
export function argMax(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id += 1) if ((logits[id] as number) > (logits[best] as number)) best = id;
  return best;
}

type Narrowing = Pick<DecodingOptions, "temperature" | "topK" | "topP" | "minP">;

/**
 * Draws a token of processed logits. @param share a number in [0, 1): the kept tokens, in the order of their ids, share that
 * interval by their probabilities, and the token whose part holds it is drawn
 */
export function drawToken(logits: Float32Array, options: Narrowing, share: number): number {
  const scaled = logits.map((logit) => logit / options.temperature);
  const kept = keptTokens(scaled, options);
  const highest = scaled[argMax(scaled)] as number;
  const weights = Float64Array.from(kept, (id) => Math.exp((scaled[id] as number) - highest));
  let left = share * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return kept[index] as number;
  }
  // Rounding may leave a rest behind the last of them.
  return kept[weights.findLastIndex((weight) => weight > 0)] as number;
}

/** Ids that top-k, top-p and min-p leave of logits that are divided by their temperature, ascending. */
export function keptTokens(logits: Float32Array, { topK, topP, minP }: Omit<Narrowing, "temperature">): Uint32Array {
  const isPossible = (id: number) => logits[id] !== Number.NEGATIVE_INFINITY;
  let kept = topK > 0 ? likeliest(logits, topK) : undefined;
  if (topP < 1) kept = nucleus(logits, kept, topP);
  kept = (kept ?? Uint32Array.from(logits, (_, id) => id)).filter(isPossible);
  if (minP > 0) {
    const least = (logits[argMax(logits)] as number) + Math.log(minP);
    kept = kept.filter((id) => (logits[id] as number) >= least);
  }
  return kept.length > 0 ? kept.sort() : Uint32Array.of(argMax(logits));
}

/**
 * The likeliest tokens, so many that those before the last one have together less than `share` of the probability; best
 * first. Only as many are put in order as it takes.
 */
function nucleus(logits: Float32Array, among: Uint32Array | undefined, share: number): Uint32Array {
  const values = among === undefined ? logits : Float32Array.from(among, (id) => logits[id] as number);
  const highest = values[argMax(values)] as number;
  const weight = (value: number) => Math.exp(value - highest);
  const needed = share * values.reduce((sum, value) => sum + weight(value), 0);
  for (let count = 256; ; count *= 8) {
    const places = likeliest(values, count);
    let before = 0;
    const end = places.findIndex((place) => {
      const isBeyond = before >= needed;
      before += weight(values[place] as number);
      return isBeyond;
    });
    if (end < 0 && places.length < values.length) continue;
    const chosen = end < 0 ? places : places.subarray(0, Math.max(1, end));
    return among === undefined ? chosen : chosen.map((place) => among[place] as number);
  }
}

/** Places of the `count` highest values, and of those as high as the last of them; highest first, equal ones in order. */
export function likeliest(values: Float32Array, count: number): Uint32Array {
  const least = count >= values.length ? Number.NEGATIVE_INFINITY : nthHighest(values, count);
  const places: number[] = [];
  for (let place = 0; place < values.length; place += 1) if ((values[place] as number) >= least) places.push(place);
  return Uint32Array.from(places.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b));
}

/** The `count`-th highest value, kept in a heap of the highest whose root is the least of them. */
function nthHighest(values: Float32Array, count: number): number {
  const heap = values.slice(0, count).sort();
  for (let place = count; place < values.length; place += 1) {
    const value = values[place] as number;
    if (value > (heap[0] as number)) siftDown(heap, value);
  }
  return heap[0] as number;
}

/** Puts a value in the root's place. */
function siftDown(heap: Float32Array, value: number): void {
  let place = 0;
  for (;;) {
    const left = 2 * place + 1;
    if (left >= heap.length) break;
    const right = left + 1;
    const child = right < heap.length && (heap[right] as number) < (heap[left] as number) ? right : left;
    if ((heap[child] as number) >= value) break;
    heap[place] = heap[child] as number;
    place = child;
  }
  heap[place] = value;
}

/** Logits → natural logarithms of the probabilities they stand for, in place. */
export function toLogProbs(logits: Float32Array): Float32Array {
  const { length } = logits;
  const highest = logits[argMax(logits)] as number;
  let sum = 0;
  for (let id = 0; id < length; id += 1) sum += Math.exp((logits[id] as number) - highest);
  const total = highest + Math.log(sum);
  for (let id = 0; id < length; id += 1) logits[id] = (logits[id] as number) - total;
  return logits;
}

/** What the model itself says of a token, before options change its logits. */
export function logprobOf(logits: Float32Array, id: number, top: number): TokenLogprob {
  const highest = logits[argMax(logits)] as number;
  const total = highest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0));
  const logprob = (token: number) => (logits[token] as number) - total;
  const best = top === 0 ? [] : [...likeliest(logits, top).subarray(0, top)];
  return { id, logprob: logprob(id), top: best.map((token) => ({ id: token, logprob: logprob(token) })) };
}
