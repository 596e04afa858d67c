import type { TokenBatch } from "@millrace/core";
import type { GpuPlacement } from "./onnx-runtime.js";

/** A compiled graph in memory, ready to run. */
export interface Session {
  /** Vectors, row after row. Once the signal fires, a binding that can ends the run and throws the signal's reason. */
  run(batch: TokenBatch, signal?: AbortSignal): Promise<Float32Array>;
  /** Frees the weights. */
  close(): Promise<void>;
}

/** A file that a graph takes weights from, in memory. */
export interface LoadedWeights {
  /** The name the graph has for it. */
  readonly path: string;
  readonly data: Uint8Array;
}

export interface SessionShape {
  /** Threads that share one run. */
  readonly threads: number;
  /** Runs at the same time on one copy of the weights, at most what the binding can do; 1 by default. */
  readonly lanes?: number;
  /** By default the processor runs it. */
  readonly placement?: GpuPlacement;
  /** How far ONNX Runtime may change the graph; by default `basic`, and anything else is there to be compared with. */
  readonly optimization?: "basic" | "all";
}

/** A way to ONNX Runtime. Vectors are the same to the bit on each. */
export interface SessionBinding {
  readonly name: string;
  /** 1 where a run blocks the thread that asks for it. */
  readonly maximumLanes: number;
  /** Whether it runs graphs on a GPU. */
  readonly hasGpus: boolean;
  /** Whether a run under way can be ended; where it cannot, nobody can even ask before it is over. */
  readonly endsRuns: boolean;
  /** @param weights may be empty arrays afterwards: they are as large as the model, and nobody should need them twice */
  open(graph: Uint8Array, shape: SessionShape, weights?: readonly LoadedWeights[]): Promise<Session>;
}
