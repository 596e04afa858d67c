import type { ArenaShape } from "../decoding/arena.js";

/** What a run is to give back besides filling the arena: nothing, the best ids, or all logits too. */
export type Wanted = "nothing" | "best" | "logits";

/** Of each row of a run, the best id, and `rows × vocabulary` logits where they were wanted. */
export interface RunScores {
  readonly best: Int32Array;
  readonly logits?: Float32Array;
}

/** Keys and values in slots, and the runs that read and fill them. The last slot, `slots`, is the staging slot. */
export interface Arena extends ArenaShape {
  /** Copies what a slot holds of its first `tokens` tokens to another; without `tokens` all it holds, its source included. */
  copy(from: number, to: number, tokens?: number): Promise<void>;
  /** Reads sources of equal length in the staging slot, and puts what the decoder makes of each into slots. */
  encode(sources: readonly Int32Array[], slots: readonly (readonly number[])[]): Promise<void>;
  /** Reads tokens of a prompt in the staging slot, behind the `past` that are there. Scores are those after the last one. */
  prefill(ids: Int32Array, past: number, wanted: Wanted): Promise<RunScores>;
  /** One token for each of the first slots, behind those that are there and beside its source. */
  decode(ids: Int32Array, pasts: Int32Array, wanted: Wanted): Promise<RunScores>;
  close(): Promise<void>;
}

/** A decoder in memory. */
export interface Decoder {
  readonly vocabularySize: number;
  /** What answers begin with where an encoder reads the prompts; undefined for a decoder alone. */
  readonly start?: number;
  /** Runs it computes at the same time, each in an arena of its own. */
  readonly lanes: number;
  openArena(shape: ArenaShape): Promise<Arena>;
  close(): Promise<void>;
}
