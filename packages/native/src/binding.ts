import type { NativeBuffer, NativeModel } from "./addon.js";
import { cancellable } from "./cancellable.js";
import type { DeviceBuffer } from "./device-buffer.js";

/**
 * Inputs and outputs by name, each a buffer. One buffer may be both, as past and present keys of attention are: then a step
 * costs the same however long the buffer is. Names can be bound anew between runs; what is bound stays.
 */
export class Binding {
  private readonly inputs: Record<string, NativeBuffer> = {};
  private readonly outputs: Record<string, NativeBuffer> = {};

  /** @internal */
  constructor(private readonly model: NativeModel) {}

  bindInput(name: string, buffer: DeviceBuffer): this {
    this.inputs[name] = buffer.native;
    return this;
  }

  bindOutput(name: string, buffer: DeviceBuffer): this {
    this.outputs[name] = buffer.native;
    return this;
  }

  /** Runs; when it resolves the output buffers hold the results. What a cancelled run leaves in them is undefined. */
  run({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return cancellable(this.model, signal, (ticket) => this.model.runBound(ticket, this.inputs, this.outputs));
  }
}
