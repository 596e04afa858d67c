import type { InferenceSession, Tensor } from "onnxruntime-node";
import { type ArenaShape, filledUp } from "../decoding/arena.js";
import { type DecoderFacts, sourceNames } from "./decoder-facts.js";
import { SlotLayout } from "./slot-layout.js";

interface OpenedEncoder {
  readonly session: InferenceSession;
  readonly Tensor: typeof Tensor;
  readonly facts: DecoderFacts;
}

/** What a decoder reads of its rows' sources, over npm's binding: what an encoder's run gives back is copied to its slots. */
export class NpmSources {
  private readonly names: readonly string[];
  /** Each layer's keys, then its values: [slots + 1, keyHeads, sources, headWidth]. */
  private readonly caches: readonly Float32Array[];
  private readonly layout: SlotLayout;
  /** Tokens of each slot's source. */
  private readonly lengths: Int32Array;

  constructor(
    private readonly encoder: OpenedEncoder,
    private readonly shape: ArenaShape,
  ) {
    const { slots, sources } = shape;
    this.names = sourceNames(encoder.facts);
    this.layout = new SlotLayout(encoder.facts, sources);
    this.caches = this.names.map(() => new Float32Array((slots + 1) * this.layout.length));
    this.lengths = new Int32Array(slots);
  }

  async encode(sources: readonly Int32Array[], slots: readonly (readonly number[])[]): Promise<void> {
    const length = sources[0]?.length ?? 0;
    await this.run(sources, length);
    const tokens = filledUp(length);
    for (const [row, branches] of slots.entries()) {
      for (const to of branches) {
        this.copyAll(this.layout.copiesOfEncoded(this.shape.slots, row, { to, tokens }));
        this.lengths[to] = length;
      }
    }
  }

  copy(from: number, to: number): void {
    this.copyAll(this.layout.copies(from, to, this.shape.sources));
    this.lengths[to] = this.lengths[from] as number;
  }

  /** What a run takes of the first slots. */
  feeds(rows: number): Readonly<Record<string, Tensor>> {
    const { Tensor: Made } = this.encoder;
    const views = this.names.map((name, index) => {
      const part = this.cache(index).subarray(0, rows * this.layout.length);
      return [name, new Made("float32", part, [rows, ...this.layout.dims])] as const;
    });
    return { source_lengths: new Made("int32", this.lengths.slice(0, rows), [rows]), ...Object.fromEntries(views) };
  }

  /** Writes one row behind another in the staging slot. */
  private async run(sources: readonly Int32Array[], length: number): Promise<void> {
    const { session, Tensor: Made } = this.encoder;
    const ids = new Int32Array(sources.length * length);
    for (const [row, source] of sources.entries()) ids.set(source, row * length);
    const results = await session.run({ ids: new Made("int32", ids, [sources.length, length]) });
    for (const [index, name] of this.names.entries())
      this.cache(index).set((results[name] as Tensor).data as Float32Array, this.shape.slots * this.layout.length);
  }

  private copyAll(copies: ReturnType<SlotLayout["copies"]>): void {
    for (const cache of this.caches)
      for (const { sourceOffset, offset, length } of copies)
        cache.copyWithin(offset, sourceOffset, sourceOffset + length);
  }

  private cache(index: number): Float32Array {
    return this.caches[index] as Float32Array;
  }
}
