// Written by scripts/native.mjs from packages/native/rust: change it there.

/**
 * A tensor that stays where it is, outside JavaScript's memory, so that a graph may read it as past and write it as
 * present. It stands on the whole of a memory, which it then owns, or on a part of another's. Offsets are in bytes.
 */
export declare class NativeBuffer {
private constructor();
/** Where it lies: an address of the processor's memory or of the GPU's. */
get address(): bigint
/** A buffer on a part of this one's memory. */
 view(offset: number, dims: Array<number>): NativeBuffer
/** Copies bytes into the buffer. */
 write(data: Uint8Array, offset: number): void
/** Copies bytes out of the buffer. */
 read(offset: number, bytes: number): Uint8Array
/** Copies bytes out of the buffer on a lane, after the runs that wait there. */
 readAsync(offset: number, bytes: number): Promise<Uint8Array<ArrayBuffer>>
/**
 * Copies pieces of another buffer into this one on a lane, one after another, after the runs that wait there. Of each
 * piece: its offset in the source, that in this buffer, and its bytes.
 */
 copy(source: NativeBuffer, pieces: Array<number>): Promise<void>
/** Gives the memory back; of a part of another's memory, only the right to use it. */
 close(): void
}

/** How a session is made. What the names of options stand for is for `options.ts` to say. */
export interface SessionPlan {
/** Number of the GPU; none for the processor. */
gpu?: number
lanes: number
threads: number
/** ONNX Runtime's number for how far it may change the graph. */
optimization: number
entries: Record<string, string>
/** Of the CUDA provider. */
cuda: Record<string, string>
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
/** Copies the inputs and queues a run. The ticket is what `cancel` takes. Gives the outputs in the order they are named. */
 run(ticket: number, names: Array<string>, tensors: Array<RawTensor>, outputs: Array<string>): Promise<RawTensor[]>
/** Runs with buffers as inputs and outputs; one buffer may be both. */
 runBound(ticket: number, inputs: Record<string, NativeBuffer>, outputs: Record<string, NativeBuffer>): Promise<void>
 cancel(ticket: number): void
/** A buffer of zeros on the session's device, or in the processor's memory. */
 createBuffer(format: number, dims: Array<number>, isOnCpu: boolean): NativeBuffer
/** Ends the runs under way, refuses those that wait, and frees buffers, weights and threads; resolves when that is done. */
 close(): Promise<void>
}

/** A file that a graph takes weights from, by the name the graph has for it. */
export interface RawWeights {
name: string
data: Uint8Array
}

/** Loads a model on a thread of its own. The weights are not copied: they must stay as they are until the promise is settled. */
export declare function createModel(model: Uint8Array | string, plan: SessionPlan, weights: Array<RawWeights>): Promise<NativeModel>;

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

/** A tensor as bytes. What the bytes mean is for `tensor.ts` to say. */
export interface RawTensor {
/** ONNX's number for the type of its elements. */
format: number
dims: Array<number>
data: Uint8Array
}
