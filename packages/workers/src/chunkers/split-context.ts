import type { Chunking, Tokenizer } from "@millrace/core";
import type { SpecialTokens } from "./special-tokens.js";

/** What every chunking strategy works with. */
export interface SplitContext {
  readonly tokenizer: Tokenizer;
  readonly chunking: Chunking;
  readonly special: SpecialTokens;
}
