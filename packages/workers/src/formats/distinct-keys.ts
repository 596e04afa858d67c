/**
 * Tells whether keys are distinct, by a 64-bit hash of each in 12 to 24 bytes: a repetition is always seen, and once in a
 * great while one is seen that is none.
 */
export class DistinctKeys {
  /** Open addressing: two words a slot, both 0 where it is free. */
  private slots = new Uint32Array(2 << 10);
  private count = 0;

  constructor(private readonly most: number) {}

  /** False where the key, or one that has its hash, came before, and where there are more than `most`. */
  add(key: string): boolean {
    this.count += 1;
    if (this.count > this.most) return false;
    if (this.count * 3 > this.slots.length) this.grow();
    const [high, low] = hashOf(key);
    return place(this.slots, high, low);
  }

  private grow(): void {
    const grown = new Uint32Array(this.slots.length * 2);
    for (let slot = 0; slot < this.slots.length; slot += 2) {
      const high = this.slots[slot] as number;
      const low = this.slots[slot + 1] as number;
      if (high !== 0 || low !== 0) place(grown, high, low);
    }
    this.slots = grown;
  }
}

function place(slots: Uint32Array, high: number, low: number): boolean {
  const mask = slots.length / 2 - 1;
  for (let index = low & mask; ; index = (index + 1) & mask) {
    const slot = 2 * index;
    if (slots[slot] === high && slots[slot + 1] === low) return false;
    if (slots[slot] === 0 && slots[slot + 1] === 0) {
      slots[slot] = high;
      slots[slot + 1] = low;
      return true;
    }
  }
}

/** cyrb53's two words, whole; never both 0. */
function hashOf(key: string): readonly [number, number] {
  let left = 0xdeadbeef;
  let right = 0x41c6ce57;
  for (let index = 0; index < key.length; index += 1) {
    const unit = key.charCodeAt(index);
    left = Math.imul(left ^ unit, 2_654_435_761);
    right = Math.imul(right ^ unit, 1_597_334_677);
  }
  left = Math.imul(left ^ (left >>> 16), 2_246_822_507) ^ Math.imul(right ^ (right >>> 13), 3_266_489_909);
  right = Math.imul(right ^ (right >>> 16), 2_246_822_507) ^ Math.imul(left ^ (left >>> 13), 3_266_489_909);
  return [left >>> 0, right >>> 0 || 1];
}
