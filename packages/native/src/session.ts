import type { NativeModel, SessionOptions } from "./addon.js";
import { Binding } from "./binding.js";
import { cancellable } from "./cancellable.js";
import { DeviceBuffer } from "./device-buffer.js";
import { Runtime } from "./runtime.js";
import type { Tensor, TensorType } from "./tensor.js";

export interface RunOptions {
  /** Ends the run at ONNX Runtime's next check, between two nodes of the graph; the promise rejects with the reason. */
  readonly signal?: AbortSignal;
  /** Names of the outputs to compute; all by default. */
  readonly outputs?: readonly string[];
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
  private constructor(private readonly model: NativeModel) {}

  /**
   * Loads a model from its bytes, which are copied, or from a path.
   * @throws what ONNX Runtime says of a model or a device that it cannot use.
   */
  static async create(model: Uint8Array | string, options: SessionOptions = {}): Promise<Session> {
    return new Session(await Runtime.open().addon.createModel(model, options));
  }

  get inputNames(): readonly string[] {
    return this.model.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.model.outputNames;
  }

  /** Copies the inputs, waits for a lane, runs, and copies the outputs. */
  run(inputs: Readonly<Record<string, Tensor>>, { signal, outputs }: RunOptions = {}): Promise<Record<string, Tensor>> {
    return cancellable(this.model, signal, (ticket) =>
      this.model.run(ticket, Object.keys(inputs), Object.values(inputs), outputs && [...outputs]),
    );
  }

  /** A buffer of zeros that stays where it is until it or the session is closed. */
  createBuffer(type: TensorType, dims: readonly number[], { device }: BufferOptions = {}): DeviceBuffer {
    return new DeviceBuffer(this.model.createBuffer(type, [...dims], device), { type, dims });
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
