import type { ArenaShape } from "../decoding/arena.js";
import type { Arena, Decoder, RunScores, Wanted } from "./decoder.js";

/**
 * A decoder without a model: its logits are a hash of all tokens of a row, so that an answer tells whether each run saw
 * the right ones. For tests, dry runs and measuring what is not the model.
 */
export function madeUpDecoder(vocabularySize: number, lanes = 1): Decoder {
  return {
    vocabularySize,
    lanes,
    openArena: async (shape) => new MadeUpArena(vocabularySize, shape),
    close: async () => {},
  };
}

class MadeUpArena implements Arena {
  readonly slots: number;
  readonly capacity: number;
  /** What stands for keys and values: the tokens themselves, `capacity` for each slot. */
  private readonly tokens: Int32Array;

  constructor(
    private readonly vocabularySize: number,
    { slots, capacity }: ArenaShape,
  ) {
    this.slots = slots;
    this.capacity = capacity;
    this.tokens = new Int32Array((slots + 1) * capacity);
  }

  async copy(from: number, to: number, tokens: number): Promise<void> {
    const start = from * this.capacity;
    this.tokens.copyWithin(to * this.capacity, start, start + tokens);
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
      const state = hash(this.tokens.subarray(slot * this.capacity, slot * this.capacity + length));
      const offset = row * this.vocabularySize;
      for (let id = 0; id < this.vocabularySize; id += 1) logits[offset + id] = logitOf(state, id);
      const own = logits.subarray(offset, offset + this.vocabularySize);
      best[row] = own.indexOf(own.reduce((most, logit) => Math.max(most, logit)));
    }
    return wanted === "logits" ? { best, logits } : { best };
  }
}

/** FNV-1a over 32-bit words. */
function hash(tokens: Int32Array): number {
  return tokens.reduce((state, token) => Math.imul(state ^ token, 0x01000193), 0x811c9dc5);
}

/** Between -8 and 8. */
function logitOf(state: number, id: number): number {
  let mixed = Math.imul(state ^ Math.imul(id + 1, 0x9e3779b1), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 28 - 8;
}
