import type { ArenaShape } from "../decoding/arena.js";
import type { Arena, Decoder, RunScores, Wanted } from "./decoder.js";

/**
 * A decoder without a model: its logits are a hash of all tokens of a row, so that an answer tells whether each run saw
 * the right ones. For tests, dry runs and measuring what is not the model. @param start what answers begin with that read
 * their prompts as sources; without it they go on from them
 */
export function madeUpDecoder(vocabularySize: number, start?: number): Decoder {
  return {
    vocabularySize,
    ...(start !== undefined && { start }),
    lanes: 1,
    openArena: async (shape) => new MadeUpArena(vocabularySize, shape),
    close: async () => {},
  };
}

class MadeUpArena implements Arena {
  readonly slots: number;
  readonly capacity: number;
  readonly sources: number;
  /** What stands for keys and values: the tokens themselves, `capacity` for each slot. */
  private readonly tokens: Int32Array;
  /** Of each slot, the hash of its source. */
  private readonly read: Int32Array;

  constructor(
    private readonly vocabularySize: number,
    { slots, capacity, sources }: ArenaShape,
  ) {
    this.slots = slots;
    this.capacity = capacity;
    this.sources = sources;
    this.tokens = new Int32Array((slots + 1) * capacity);
    this.read = new Int32Array(slots + 1).fill(nothing);
  }

  async copy(from: number, to: number, tokens?: number): Promise<void> {
    const start = from * this.capacity;
    this.tokens.copyWithin(to * this.capacity, start, start + (tokens ?? this.capacity));
    if (tokens === undefined) this.read[to] = this.read[from] as number;
  }

  async encode(sources: readonly Int32Array[], slots: readonly (readonly number[])[]): Promise<void> {
    const longest = sources.reduce((most, { length }) => Math.max(most, length), 0);
    if (sources.length * longest > this.sources) throw new RangeError(`${sources.length} sources of ${longest}`);
    for (const [row, source] of sources.entries())
      for (const slot of slots[row] ?? []) this.read[slot] = hash(source, nothing);
  }

  async prefill(ids: Int32Array, past: number, wanted: Wanted): Promise<RunScores> {
    this.write(this.slots, past, ids);
    return this.scores([[this.slots, past + ids.length]], wanted);
  }

  async decode(ids: Int32Array, pasts: Int32Array, wanted: Wanted): Promise<RunScores> {
    const rows = [...pasts].map((past, slot) => {
      this.write(slot, past, ids.subarray(slot, slot + 1));
      return [slot, past + 1] as const;
    });
    return this.scores(rows, wanted);
  }

  async close(): Promise<void> {}

  private write(slot: number, past: number, ids: Int32Array): void {
    if (past + ids.length > this.capacity) throw new RangeError(`${past + ids.length} tokens in ${this.capacity}`);
    this.tokens.set(ids, slot * this.capacity + past);
  }

  private scores(rows: readonly (readonly [slot: number, length: number])[], wanted: Wanted): RunScores {
    const logits = new Float32Array(rows.length * this.vocabularySize);
    const best = new Int32Array(rows.length);
    if (wanted === "nothing") return { best };
    for (const [row, [slot, length]] of rows.entries()) {
      const state = hash(
        this.tokens.subarray(slot * this.capacity, slot * this.capacity + length),
        this.read[slot] as number,
      );
      const offset = row * this.vocabularySize;
      for (let id = 0; id < this.vocabularySize; id += 1) logits[offset + id] = logitOf(state, id);
      const own = logits.subarray(offset, offset + this.vocabularySize);
      best[row] = own.indexOf(own.reduce((most, logit) => Math.max(most, logit)));
    }
    return wanted === "logits" ? { best, logits } : { best };
  }
}

const nothing = 0x811c9dc5;

/** FNV-1a over 32-bit words. */
function hash(tokens: Int32Array, before: number): number {
  return tokens.reduce((state, token) => Math.imul(state ^ token, 0x01000193), before);
}

/** Between -8 and 8. */
function logitOf(state: number, id: number): number {
  let mixed = Math.imul(state ^ Math.imul(id + 1, 0x9e3779b1), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 28 - 8;
}
