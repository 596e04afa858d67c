import type { InferenceSession, Tensor } from "onnxruntime-node";
import type { ArenaShape } from "../decoding/arena.js";
import { createSession } from "../npm-binding.js";
import type { Arena, Decoder, RunScores, Wanted } from "./decoder.js";
import { cacheNames, type DecoderFacts, type DecoderParts, withLeastRows } from "./decoder-facts.js";
import { NpmSources } from "./npm-sources.js";
import { SlotLayout } from "./slot-layout.js";

interface Opened {
  readonly session: InferenceSession;
  readonly Tensor: typeof Tensor;
  readonly facts: DecoderFacts;
  readonly given?: NpmSources;
}

/**
 * Over npm's binding. A run writes keys and values where it has read them, but the binding then copies all of them once more to
 * return them, so that a token costs the more the longer slots are.
 */
export async function npmDecoder(
  graph: Uint8Array,
  facts: DecoderFacts,
  { threads, weights, encoder: encoderGraph }: { readonly threads: number } & DecoderParts,
): Promise<Decoder> {
  const { session, Tensor } = await createSession(graph, { threads }, weights);
  const encoder = encoderGraph && (await createSession(encoderGraph, { threads })).session;
  return {
    vocabularySize: facts.vocabularySize,
    ...(facts.encoder && { start: facts.encoder.start }),
    lanes: 1,
    openArena: async (shape) => {
      const given = encoder && new NpmSources({ session: encoder, Tensor, facts }, shape);
      return new NpmArena({ session, Tensor, facts, ...(given && { given }) }, shape);
    },
    close: async () => void (await Promise.all([session.release(), encoder?.release()])),
  };
}

class NpmArena implements Arena {
  readonly slots: number;
  readonly capacity: number;
  readonly sources: number;
  /** Each layer's keys, then its values: [slots + 1, keyHeads, capacity, headWidth]. */
  private readonly caches: readonly Float32Array[];
  private readonly layout: SlotLayout;

  constructor(
    private readonly opened: Opened,
    { slots, capacity, sources }: ArenaShape,
  ) {
    this.slots = slots;
    this.capacity = capacity;
    this.sources = sources;
    this.layout = new SlotLayout(opened.facts, capacity);
    this.caches = cacheNames(opened.facts).map(() => new Float32Array((slots + 1) * this.layout.length));
  }

  async copy(from: number, to: number, tokens?: number): Promise<void> {
    const copies = this.layout.copies(from, to, tokens ?? this.capacity);
    for (const cache of this.caches)
      for (const { sourceOffset, offset, length } of copies)
        cache.copyWithin(offset, sourceOffset, sourceOffset + length);
    if (tokens === undefined) this.opened.given?.copy(from, to);
  }

  async encode(sources: readonly Int32Array[], slots: readonly (readonly number[])[]): Promise<void> {
    await this.opened.given?.encode(sources, slots);
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
    const { session, Tensor: Made, facts, given } = this.opened;
    const rows = pasts.length;
    const tokens = ids.length / rows;
    const longest = pasts.reduce((most, past) => Math.max(most, past)) + tokens;
    const views = cacheNames(facts).map(({ past, present }, index) => {
      const part = (this.caches[index] as Float32Array).subarray(
        first * this.layout.length,
        (first + rows) * this.layout.length,
      );
      return { past, present, tensor: new Made("float32", part, [rows, ...this.layout.dims]) };
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
      ...given?.feeds(rows),
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
