/** A set of ids as 53-bit digests: 16 to 32 bytes an id. It may say yes to an id that is not in it, never no to one that is. */
export interface KnownIds {
  readonly size: number;
  has(id: string): boolean;
  add(id: string): void;
}

/** An empty set: open addressing in one typed array, at most half full. */
export function createKnownIds(): KnownIds {
  let slots = new Float64Array(1024);
  let size = 0;
  const insert = (digest: number) => {
    const slot = slotOf(slots, digest);
    if (slots[slot] === digest) return;
    slots[slot] = digest;
    size += 1;
  };
  const grow = () => {
    const old = slots;
    slots = new Float64Array(old.length * 2);
    size = 0;
    for (const digest of old) if (digest !== 0) insert(digest);
  };
  return {
    get size() {
      return size;
    },
    has(id) {
      const digest = digestOf(id);
      return slots[slotOf(slots, digest)] === digest;
    },
    add(id) {
      if (size * 2 >= slots.length) grow();
      insert(digestOf(id));
    },
  };
}

/** The slot that holds the digest, or the empty one where it belongs. */
function slotOf(slots: Float64Array, digest: number): number {
  const mask = slots.length - 1;
  let slot = (digest % 0x1_0000_0000) & mask;
  while (slots[slot] !== 0 && slots[slot] !== digest) slot = (slot + 1) & mask;
  return slot;
}

/** Two FNV-like streams over the UTF-16 units, joined to a number from 1 to 2^53 − 1. */
function digestOf(id: string): number {
  let low = 0x811c9dc5;
  let high = 0x1b873593;
  for (let index = 0; index < id.length; index += 1) {
    const unit = id.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b);
  }
  low = Math.imul(low ^ (low >>> 15), 0x2c1b3c6d);
  high ^= high >>> 13;
  return (high >>> 11) * 0x1_0000_0000 + (low >>> 0) || 1;
}
