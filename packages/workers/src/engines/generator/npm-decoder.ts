import type { InferenceSession, Tensor } from "onnxruntime-node";
import type { ArenaShape } from "../decoding/arena.js";
import { createSession } from "../npm-binding.js";
import type { LoadedWeights } from "../session.js";
import type { Arena, Decoder, RunScores, Wanted } from "./decoder.js";
import { cacheNames, type DecoderFacts, withLeastRows } from "./decoder-facts.js";

interface Opened {
  readonly session: InferenceSession;
  readonly Tensor: typeof Tensor;
  readonly facts: DecoderFacts;
}

/**
 * Over npm's binding. A run writes keys and values where it has read them, but the binding then copies all of them once more to
 * return them, so that a token costs the more the longer slots are.
 */
export async function npmDecoder(
  graph: Uint8Array,
  facts: DecoderFacts,
  { threads, weights }: { readonly threads: number; readonly weights: readonly LoadedWeights[] },
): Promise<Decoder> {
  const { session, Tensor } = await createSession(graph, { threads }, weights);
  return {
    vocabularySize: facts.vocabularySize,
    lanes: 1,
    openArena: async (shape) => new NpmArena({ session, Tensor, facts }, shape),
    close: () => session.release(),
  };
}

class NpmArena implements Arena {
  readonly slots: number;
  readonly capacity: number;
  /** Each layer's keys, then its values: [slots + 1, keyHeads, capacity, headWidth]. */
  private readonly caches: readonly Float32Array[];
  private readonly slotDims: readonly number[];
  private readonly slotLength: number;

  constructor(
    private readonly opened: Opened,
    { slots, capacity }: ArenaShape,
  ) {
    this.slots = slots;
    this.capacity = capacity;
    const { keyHeads, headWidth } = opened.facts;
    this.slotDims = [keyHeads, capacity, headWidth];
    this.slotLength = keyHeads * capacity * headWidth;
    this.caches = cacheNames(opened.facts).map(() => new Float32Array((slots + 1) * this.slotLength));
  }

  async copy(from: number, to: number, tokens: number): Promise<void> {
    const [heads = 0, capacity = 0, width = 0] = this.slotDims;
    for (const cache of this.caches) {
      for (let head = 0; head < heads; head += 1) {
        const place = head * capacity * width;
        const start = from * this.slotLength + place;
        cache.copyWithin(to * this.slotLength + place, start, start + tokens * width);
      }
    }
  }

  async prefill(ids: Int32Array, past: number, wanted: Wanted): Promise<RunScores> {
    return this.run(ids, { pasts: Int32Array.of(past), first: this.slots }, wanted);
  }

  async decode(ids: Int32Array, pasts: Int32Array, wanted: Wanted): Promise<RunScores> {
    const { facts } = this.opened;
    const all = withLeastRows(ids, pasts, facts);
    const { best, logits } = await this.run(all.ids, { pasts: all.pasts, first: 0 }, wanted);
    const rows = pasts.length;
    const own = logits?.subarray(0, rows * facts.vocabularySize);
    return { best: best.subarray(0, rows), ...(own && { logits: own }) };
  }

  async close(): Promise<void> {}

  private async run(
    ids: Int32Array,
    { pasts, first }: { readonly pasts: Int32Array; readonly first: number },
    wanted: Wanted,
  ): Promise<RunScores> {
    const { session, Tensor: Made, facts } = this.opened;
    const rows = pasts.length;
    const tokens = ids.length / rows;
    const longest = pasts.reduce((most, past) => Math.max(most, past)) + tokens;
    const views = cacheNames(facts).map(({ past, present }, index) => {
      const part = (this.caches[index] as Float32Array).subarray(
        first * this.slotLength,
        (first + rows) * this.slotLength,
      );
      return { past, present, tensor: new Made("float32", part, [rows, ...this.slotDims]) };
    });
    const feeds = {
      ids: new Made("int32", ids.slice(), [rows, tokens]),
      seqlens_k: new Made(
        "int32",
        pasts.map((past) => past + tokens - 1),
        [rows],
      ),
      total_sequence_length: new Made("int32", Int32Array.of(longest), []),
      logit_positions: new Made("int32", new Int32Array(rows).fill(tokens - 1), [rows]),
      ...Object.fromEntries(views.map(({ past, tensor }) => [past, tensor])),
    };
    const results = await session.run(feeds, {
      ...Object.fromEntries(views.map(({ present, tensor }) => [present, tensor])),
      ...(wanted !== "nothing" && { best: null }),
      ...(wanted === "logits" && { logits: null }),
    });
    const best = wanted === "nothing" ? new Int32Array(rows) : ((results.best as Tensor).data as Int32Array);
    return wanted === "logits" ? { best, logits: (results.logits as Tensor).data as Float32Array } : { best };
  }
}
