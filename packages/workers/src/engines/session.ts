import type { TokenBatch } from "@millrace/core";

/** A compiled graph in memory, ready to run. */
export interface Session {
  /** Vectors, row after row. */
  run(batch: TokenBatch): Promise<Float32Array>;
  /** Frees the weights. */
  close(): Promise<void>;
}

export interface SessionShape {
  /** Threads that share one run. */
  readonly threads: number;
  /** Runs at the same time on one copy of the weights; at most what the binding can do. */
  readonly lanes: number;
}

/** A way to ONNX Runtime. Vectors are the same to the bit on each. */
export interface SessionBinding {
  readonly name: string;
  /** 1 where a run blocks the thread that asks for it. */
  readonly maximumLanes: number;
  open(graph: Uint8Array, shape: SessionShape): Promise<Session>;
}
