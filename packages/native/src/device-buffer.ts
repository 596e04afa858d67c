import type { NativeBuffer } from "./addon.js";
import type { TensorArrays, TensorType } from "./tensor.js";

/** A tensor outside JavaScript's memory: in the processor's, or on a GPU. A run that is bound to it works in place. */
export class DeviceBuffer<Type extends TensorType = TensorType> {
  readonly type: Type;
  readonly dims: readonly number[];

  /** @internal */
  constructor(
    readonly native: NativeBuffer,
    { type, dims }: { readonly type: Type; readonly dims: readonly number[] },
  ) {
    this.type = type;
    this.dims = [...dims];
  }

  get byteLength(): number {
    return this.native.byteLength;
  }

  /** Stays the same until the buffer is closed. */
  get address(): bigint {
    return this.native.address;
  }

  /** Copies into the buffer, from element `offset` on. @throws NATIVE_BUSY while a run uses it. */
  write(data: TensorArrays[Type], offset = 0): void {
    this.native.write(data, offset);
  }

  /** Copies `length` elements out of the buffer, from element `offset` on. @throws NATIVE_BUSY while a run uses it. */
  read(offset = 0, length = this.length - offset): TensorArrays[Type] {
    return this.native.read(offset, length) as TensorArrays[Type];
  }

  /** Elements. */
  get length(): number {
    return this.dims.reduce((product, dim) => product * dim, 1);
  }

  /** Gives the memory back. @throws NATIVE_BUSY while a run uses it. */
  close(): void {
    this.native.close();
  }
}
