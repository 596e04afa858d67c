import type { CacheShape } from "./decoder-facts.js";

/** Floats to be copied from one place of a cache to another. */
export interface FloatCopy {
  readonly sourceOffset: number;
  readonly offset: number;
  readonly length: number;
}

/** Where a cache [slots + 1, keyHeads, capacity, headWidth] holds what. */
export class SlotLayout {
  /** Of one slot: [keyHeads, capacity, headWidth]. */
  readonly dims: readonly [heads: number, capacity: number, width: number];
  /** Floats of one slot. */
  readonly length: number;

  constructor({ keyHeads, headWidth }: CacheShape, capacity: number) {
    this.dims = [keyHeads, capacity, headWidth];
    this.length = keyHeads * capacity * headWidth;
  }

  /** The first tokens of each head of a slot → another slot. */
  copies(from: number, to: number, tokens: number): readonly FloatCopy[] {
    return this.pieces({ start: from * this.length, capacity: this.dims[1] }, to, tokens);
  }

  /** One of the rows that an encoder has written, `tokens` for each head, at the beginning of a slot → another slot. */
  copiesOfEncoded(slot: number, row: number, { to, tokens }: { readonly to: number; readonly tokens: number }) {
    const [heads, , width] = this.dims;
    return this.pieces({ start: slot * this.length + row * heads * tokens * width, capacity: tokens }, to, tokens);
  }

  /** In one piece where that is all. */
  private pieces(source: { readonly start: number; readonly capacity: number }, to: number, tokens: number) {
    const [heads, capacity, width] = this.dims;
    if (tokens === capacity && source.capacity === capacity)
      return [{ sourceOffset: source.start, offset: to * this.length, length: this.length }];
    return Array.from({ length: heads }, (_, head) => ({
      sourceOffset: source.start + head * source.capacity * width,
      offset: to * this.length + head * capacity * width,
      length: tokens * width,
    }));
  }
}
