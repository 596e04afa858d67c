/** How many parts of the space of ids are told apart. */
export const idBuckets = 1024;

/** Numbers kept for each bucket: how many ids, then two sums modulo 2⁶⁴, each as its high and its low half. */
const numbersPerBucket = 5;

/**
 * A digest of ids that does not depend on their order: for each bucket of them their number and the sums of both halves
 * of their 128 bits. A lost, an additional and a doubled id each change it. Takes 20 KB whatever the number of ids.
 */
export class IdDigest {
  private readonly numbers = new Uint32Array(idBuckets * numbersPerBucket);
  private added = 0;

  add(id: string): void {
    const [a, b, c, d] = wordsOf(id);
    const at = bucketOfWord(a) * numbersPerBucket;
    const { numbers } = this;
    this.added += 1;
    numbers[at] = (numbers[at] as number) + 1;
    addTo(numbers, at + 1, a, b);
    addTo(numbers, at + 3, c, d);
  }

  get count(): number {
    return this.added;
  }

  /** Ids of one bucket. */
  countOf(bucket: number): number {
    return this.numbers[bucket * numbersPerBucket] as number;
  }

  /** Buckets whose ids are not the same, ascending. */
  differences(other: IdDigest): readonly number[] {
    return Array.from({ length: idBuckets }, (_, bucket) => bucket).filter((bucket) => {
      const from = bucket * numbersPerBucket;
      for (let at = from; at < from + numbersPerBucket; at += 1)
        if (this.numbers[at] !== other.numbers[at]) return true;
      return false;
    });
  }

  /** Equal for equal ids, in whatever order they came: 32 hex digits, the sums over all of them. */
  toString(): string {
    const sums = new Uint32Array(4);
    for (let at = 0; at < this.numbers.length; at += numbersPerBucket) {
      addTo(sums, 0, this.numbers[at + 1] as number, this.numbers[at + 2] as number);
      addTo(sums, 2, this.numbers[at + 3] as number, this.numbers[at + 4] as number);
    }
    return Array.from(sums, (word) => word.toString(16).padStart(8, "0")).join("");
  }
}

/** The bucket an id falls into: its first bits. */
export function idBucket(id: string): number {
  return bucketOfWord(wordsOf(id)[0]);
}

/** A number below 2³² that looks random, the same for the same id and seed: to draw ids by, in whatever order they come. */
export function idRank(id: string, seed: number): number {
  const [, b, , d] = wordsOf(id);
  let mixed = Math.imul(b ^ seed, 0x9e3779b1) ^ d;
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

type Words = readonly [number, number, number, number];

const uuid = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})([0-9a-f]{8})$/;

/** The 128 bits of a UUID; of another text, four hashes of it. */
function wordsOf(id: string): Words {
  const parts = uuid.exec(id);
  if (parts === null) return [hashOf(id, 1), hashOf(id, 2), hashOf(id, 3), hashOf(id, 4)];
  const [, a, b1, b2, c1, c2, d] = parts;
  return [Number(`0x${a}`), Number(`0x${b1}${b2}`), Number(`0x${c1}${c2}`), Number(`0x${d}`)];
}

/** 32 bits of a text: FNV-1a, begun elsewhere for each seed. */
export function hashOf(text: string, seed: number): number {
  let hash = Math.imul(0x811c9dc5 ^ seed, 0x9e3779b1);
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function bucketOfWord(word: number): number {
  return word >>> 22;
}

/** Adds a number of 64 bits, in halves; what overflows is dropped. */
function addTo(numbers: Uint32Array, at: number, high: number, low: number): void {
  const sum = (numbers[at + 1] as number) + low;
  numbers[at + 1] = sum;
  numbers[at] = (numbers[at] as number) + high + (sum > 0xffff_ffff ? 1 : 0);
}
