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

export interface SessionOptions {
/** `cpu` (the default) or `cuda:N`. */
device?: string
/** Runs at the same time on one copy of the weights; one on CUDA, whatever is asked for. */
lanes?: number
/** Threads that share one run. 1 by default. */
threads?: number
/** `none`, `basic` (the default), `extended` or `all`. */
optimization?: "none" | "basic" | "extended" | "all"
/** CUDA: bytes the session's arena may take. */
memoryLimit?: number
/** CUDA: whether the arena grows by powers of two, ONNX Runtime's default, or by what is asked for. */
arenaGrowth?: "power-of-two" | "as-requested"
/** CUDA: lets 32-bit products use TF32. */
tf32?: boolean
/** CUDA: the kernels that attention may choose from; by default what ONNX Runtime's environment variables say. */
attention?: ("flash" | "efficient" | "tensorrt" | "cudnn" | "math" | "lean")[]
/** * CUDA: captures the first bound run as a graph and replays it. What is replayed are addresses, so bind every input and
     * output, each time the same buffers on the GPU with the same dimensions, and write what changes into them. Each node
     * must run on the GPU, and there may be no control flow. `run` is refused: its inputs lie elsewhere each time.
      */
cudaGraph?: boolean
/** Session configuration entries, passed on as they are. */
entries?: Record<string, string>
}

/** The addon's own. */
export declare function version(): string;

/** Opens the ONNX Runtime library at a path for this process and returns its description. */
export declare function openRuntime(library: string): string;

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

/**
 * Loads a model on a thread of its own. Files that it takes weights from are not copied: they must stay as they are until
 * the promise is settled.
 */
export declare function createModel(model: Uint8Array | string, options: SessionOptions, names: string[], weights: Uint8Array[]): Promise<NativeModel>;

/** A GPU as NVIDIA's management library sees it. What it does not tell of this one is not there. */
export interface Gpu {
/** As in `cuda:N`, unless `CUDA_VISIBLE_DEVICES` or `CUDA_DEVICE_ORDER` say otherwise. */
index: number
name?: string
uuid?: string
/** Percent of the last moments in which a kernel ran. */
utilization?: number
/** Bytes that all processes and the driver take. */
memoryUsed?: number
/** Bytes there are. */
memoryTotal?: number
/** Watts. */
power?: number
/** MHz of the streaming multiprocessors. */
clock?: number
/** Degrees Celsius. */
temperature?: number
}

export interface Telemetry {
gpus: Array<Gpu>
/** Why there are none. */
why?: string
}

/** Reads all GPUs on a thread of Node's pool, in milliseconds but for the first time, which starts the library. */
export declare function readTelemetry(library: string): Promise<Telemetry>;
