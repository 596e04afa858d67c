import type { EngineFacts } from "./device.js";

/** What one engine run takes: `rows` texts of exactly `length` tokens. */
export interface TokenBatch {
  readonly rows: number;
  readonly length: number;
  /** Token ids, row after row: `rows × length`. */
  readonly ids: Int32Array;
  /** Of models that tell a pair's texts apart: 0 for each token of the first, 1 for the second's; `rows × length`. */
  readonly segments?: Int32Array;
}

/** What an engine needs of an `AbortSignal`, which no library of core's knows. */
export interface CancelSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Turns token ids into vectors; of a model that judges tokens, a row's vector holds the logits of each. */
export interface Encoder {
  /** Floats in one vector. */
  readonly dimensions: number;
  /** Longest row the model takes, special tokens included. */
  readonly maxTokens: number;
  /** Tokens one run should hold for best speed on this device. */
  readonly tokenBudget: number;
  readonly engine: EngineFacts;
  /**
   * Vectors, row after row: `rows × dimensions`. Calls may overlap; the encoder runs as many at once as it has hosts.
   * Where `signal` fires before a host has begun the run, it is taken back and rejects with the signal's reason.
   * @throws E_ROW_ENCODE when this batch killed its host each time, E_HOST when the encoder as a whole is of no use.
   */
  encode(batch: TokenBatch, signal?: CancelSignal): Promise<Float32Array>;
  close(): Promise<void>;
}
