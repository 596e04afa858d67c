import type { NativeModel, RawTensor } from "./addon.js";
import { Binding } from "./binding.js";
import { cancellable } from "./cancellable.js";
import { DeviceBuffer } from "./device-buffer.js";
import { invalid } from "./failure.js";
import { gpuOf, planOf, type SessionOptions } from "./options.js";
import { Runtime } from "./runtime.js";
import { elementsOf, formatOf, fromRaw, type Tensor, type TensorType, toRaw } from "./tensor.js";

export interface RunOptions {
  /** Ends the run at ONNX Runtime's next check, between two nodes of the graph; the promise rejects with the reason. */
  readonly signal?: AbortSignal;
  /** Names of the outputs to compute; all by default. */
  readonly outputs?: readonly string[];
}

/** A file that a graph takes weights from, in memory, since a graph from bytes has no folder to look for it in. */
export interface WeightsFile {
  /** The name the graph has for it. */
  readonly name: string;
  /** Taken over, where the array is all of its buffer: it is empty from then on. Otherwise copied. */
  readonly data: Uint8Array;
}

export interface CreateOptions extends SessionOptions {
  readonly weights?: readonly WeightsFile[];
}

/** Where a buffer lies: with the session, or in the processor's memory. */
export interface BufferOptions {
  readonly device?: string;
}

/**
 * A model in memory with threads of its own: as many runs at the same time as it has lanes, on one copy of the weights.
 * No call blocks the event loop longer than copying takes. Errors are `Error`s with a `code`: `ORT_…` and ONNX Runtime's
 * whole text, or `NATIVE_…`.
 */
export class Session {
  private constructor(
    private readonly model: NativeModel,
    private readonly options: SessionOptions,
  ) {}

  /**
   * Loads a model from its bytes, which are copied and can take weights from no file but those given, or from a path.
   * @throws what ONNX Runtime says of a model or a device that it cannot use.
   */
  static async create(model: Uint8Array | string, options: CreateOptions = {}): Promise<Session> {
    const { weights = [], ...shape } = options;
    const { addon } = Runtime.open();
    const plan = planOf(
      typeof model === "string" ? shape : { ...shape, entries: { ...readNothing, ...shape.entries } },
    );
    const owned = weights.map(({ name, data }) => ({ name, data: takeOver(data) }));
    try {
      return new Session(await addon.createModel(model, plan, owned), shape);
    } finally {
      // ONNX Runtime has its own copy now, and the garbage collector does not feel how large these are.
      for (const { data } of owned) data.buffer.transfer(0);
    }
  }

  get inputNames(): readonly string[] {
    return this.model.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.model.outputNames;
  }

  /** Copies the inputs, waits for a lane, runs, and copies the outputs. */
  async run(
    inputs: Readonly<Record<string, Tensor>>,
    { signal, outputs }: RunOptions = {},
  ): Promise<Record<string, Tensor>> {
    if (this.options.cudaGraph) throw invalid("a session with cudaGraph runs bindings only");
    const names = outputs === undefined ? this.model.outputNames : [...outputs];
    const tensors = Object.values(inputs).map(toRaw);
    const results = await cancellable(this.model, signal, (ticket) =>
      this.model.run(ticket, Object.keys(inputs), tensors, names),
    );
    return Object.fromEntries(names.map((name, index) => [name, fromRaw(results[index] as RawTensor)]));
  }

  /** A buffer of zeros that stays where it is until it or the session is closed. */
  createBuffer(type: TensorType, dims: readonly number[], { device }: BufferOptions = {}): DeviceBuffer {
    const isOnCpu = device !== undefined && gpuOf(device) === undefined;
    if (!isOnCpu && device !== undefined && device !== this.options.device) {
      throw invalid(`a buffer lies on the session's device or on cpu, not on ${device}`);
    }
    elementsOf(dims);
    return new DeviceBuffer(this.model.createBuffer(formatOf(type).onnx, [...dims], isOnCpu), { type, dims });
  }

  /** Inputs and outputs by name, to be run again and again without copies. */
  createBinding(): Binding {
    return new Binding(this.model);
  }

  /**
   * Ends the runs under way and refuses those that wait, with code NATIVE_CLOSED or NATIVE_CANCELLED. When it resolves the
   * threads have ended and weights and buffers are freed. May be called again.
   */
  close(): Promise<void> {
    return this.model.close();
  }
}

/** A graph from bytes would look for weights in the folder the process happens to be in: below a device there are no files. */
const readNothing = { "session.model_external_initializers_file_folder_path": "/dev/null/given-as-bytes" };

/** The bytes in a buffer that nobody else has: it is read on another thread, and must stay where it is. */
function takeOver(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = data;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  return isWhole ? new Uint8Array(buffer.transfer()) : Uint8Array.from(data);
}
