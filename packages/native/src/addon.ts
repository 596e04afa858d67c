// Written by scripts/native.mjs from packages/native/rust: change it there.
import type { Tensor, TensorData } from "./tensor.js";

/** A buffer, as JavaScript has it. */
export declare class NativeBuffer {
private constructor();
/** Where it lies: an address of the processor's memory or of the GPU's. */
get address(): bigint
get byteLength(): number
/** A buffer on a part of this one's memory, beginning at an element. */
 view(offset: number, dims: Array<number>): NativeBuffer
/** Copies a typed array into the buffer, beginning at an element. */
 write(data: TensorData, offset: number): void
/** Copies elements out of the buffer. */
 read(offset: number, elements: number): TensorData
/** Copies elements out of the buffer on a lane, after the runs that wait there. */
 readAsync(offset: number, elements: number): Promise<TensorData>
/** Copies elements of another buffer into this one on a lane, after the runs that wait there. */
 copy(source: NativeBuffer, sourceOffset: number, offset: number, elements: number): Promise<void>
/** Gives the memory back; of a part of another's memory, only the right to use it. */
 close(): void
}

/** Opens the ONNX Runtime library at a path for this process and returns its description. */
export declare function openRuntime(library: string): string;

export interface SessionOptions {
/** `cpu` (the default) or `cuda:N`. */
device?: string
/** Runs at the same time on one copy of the weights; one on CUDA, whatever is asked for. */
lanes?: number
/** Threads that share one run. 1 by default. */
threads?: number
/** `none`, `basic` (the default), `extended` or `all`. */
optimization?: string
/** CUDA: bytes the session's arena may take. */
memoryLimit?: number
/** CUDA: lets 32-bit products use TF32. */
tf32?: boolean
/** CUDA: captures the first bound run as a graph and replays it. */
cudaGraph?: boolean
/** Session configuration entries, passed on as they are. */
entries?: Record<string, string>
}

/** A model, loaded, and the threads that run it. */
export declare class NativeModel {
private constructor();
get inputNames(): Array<string>
get outputNames(): Array<string>
/** Copies the inputs and queues a run. The ticket is what `cancel` takes. */
 run(ticket: number, names: string[], tensors: Tensor[], outputs?: string[]): Promise<Record<string, Tensor>>
/** Runs with buffers as inputs and outputs; one buffer may be both. */
 runBound(ticket: number, inputs: Record<string, NativeBuffer>, outputs: Record<string, NativeBuffer>): Promise<void>
 cancel(ticket: number): void
/** A buffer of zeros on the session's device, or in the processor's memory. */
 createBuffer(kind: string, dims: Array<number>, device?: string | undefined | null): NativeBuffer
/** Ends the runs under way, refuses those that wait, and frees buffers, weights and threads; resolves when that is done. */
 close(): Promise<void>
}

/** Loads a model on a thread of its own. */
export declare function createModel(model: Uint8Array | string, options: SessionOptions): Promise<NativeModel>;
