import type { DecodingOptions } from "./decoding.js";
import type { EngineFacts } from "./device.js";
import type { CancelSignal } from "./engine.js";

/** One answer that is asked for. */
export interface GenerateRequest {
  /** Special tokens included; at least one. A decoder beside an encoder answers it, else goes on from it. */
  readonly promptIds: Int32Array;
  readonly decoding: DecodingOptions;
  /** Number among the answers to one prompt, from 0: each draws other tokens. */
  readonly sequence: number;
}

/** Why an answer ended: at a stop id or text, or because it may not be longer. */
export type FinishReason = "stop" | "length";

/** A token's natural logarithm of the probability the model gives it, whatever options then make of it. */
export interface TokenLogprob {
  readonly id: number;
  readonly logprob: number;
  /** Of the likeliest tokens, best first. */
  readonly top: readonly { readonly id: number; readonly logprob: number }[];
}

/** One answer. */
export interface GeneratedRow {
  /** Without the stop id that ended it. */
  readonly ids: Int32Array;
  /** Up to the stop text that ended it, without special tokens. */
  readonly text: string;
  readonly finishReason: FinishReason;
  readonly logprobs?: readonly TokenLogprob[];
  /** Of a beam search: the log-probability of all tokens, the stop id included, by the length penalty. */
  readonly score?: number;
  /** The next best answers of a beam search, best first, where several are wanted. */
  readonly alternatives?: readonly GeneratedRow[];
}

/** Turns prompts into answers. */
export interface Generator {
  /** Tokens that prompt and answer may have together; of an answer alone, where an encoder reads the prompt. */
  readonly contextLength: number;
  readonly engine: EngineFacts;
  /**
   * Calls overlap: rows are computed together, as many as there is memory for, and an answer depends on its request alone.
   * Where `signal` fires first, it rejects with the signal's reason.
   * @throws E_ROW_PROMPT for a prompt that leaves no room for an answer, E_ROW_GENERATE when this row killed its host
   * each time, E_HOST when the generator as a whole is of no use.
   */
  generate(request: GenerateRequest, signal?: CancelSignal): Promise<GeneratedRow>;
  close(): Promise<void>;
}

/** Makes text of token ids. */
export interface Detokenizer {
  /** One text for each row of ids; special tokens are left out. */
  decode(rows: readonly (readonly number[])[]): Promise<readonly string[]>;
}
