import type { TokenBatch } from "@millrace/core";

/** What the compiler cannot do itself and needs to calibrate a model: make tokens of texts, and run graphs. */
export interface GraphRuntime {
  /** Ids of each text, not cut. */
  tokenize(texts: readonly string[], tokenizer: TokenizerPlace): Promise<readonly Int32Array[]>;
  open(graph: Uint8Array): Promise<RunningGraph>;
}

export interface TokenizerPlace {
  readonly tokenizerPath: string;
  readonly hasSpecialTokens: boolean;
}

export interface RunningGraph {
  /** Every output by its name, flat. */
  run(batch: TokenBatch): Promise<ReadonlyMap<string, Float32Array>>;
  close(): Promise<void>;
}
