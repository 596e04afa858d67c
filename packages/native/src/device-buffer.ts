import type { NativeBuffer } from "./addon.js";
import { invalid } from "./failure.js";
import { arrayOf, bytesOf, elementsOf, formatOf, type TensorArrays, type TensorType } from "./tensor.js";

/** Which elements a copy takes: by default all of the source, to where the target begins. */
export interface CopyOptions {
  /** Element of the source that the copy begins at. */
  readonly sourceOffset?: number;
  /** Element of the target that it goes to. */
  readonly offset?: number;
  /** Elements; by default what the source has from there on. */
  readonly length?: number;
}

/**
 * A tensor outside JavaScript's memory: in the processor's, or on a GPU. A run that is bound to it works in place. Where two
 * buffers stand on the same memory, what a run or a copy uses of one is in use in the other as well.
 */
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
    return this.length * formatOf(this.type).array.BYTES_PER_ELEMENT;
  }

  /** Stays the same until the buffer is closed. */
  get address(): bigint {
    return this.native.address;
  }

  /**
   * A buffer on the elements from `offset` on, as many as `dims` hold: both have the same memory, neither is copied. It is
   * of no use once the buffer is closed that owns the memory; closing it gives nothing back.
   */
  view(offset: number, dims: readonly number[]): DeviceBuffer<Type> {
    elementsOf(dims);
    return new DeviceBuffer(this.native.view(this.bytesTo(offset), [...dims]), { type: this.type, dims });
  }

  /** Copies into the buffer, from element `offset` on. @throws NATIVE_BUSY while a run or a copy uses it. */
  write(data: TensorArrays[Type], offset = 0): void {
    this.native.write(bytesOf(this.type, data), this.bytesTo(offset));
  }

  /** Copies `length` elements out of the buffer, from element `offset` on. @throws NATIVE_BUSY while a run or a copy uses it. */
  read(offset = 0, length = this.length - offset): TensorArrays[Type] {
    return arrayOf(this.type, this.native.read(this.bytesTo(offset), this.bytesTo(length)));
  }

  /** As `read`, on a thread of the session, after the runs that were asked for before: the event loop does not wait. */
  async readAsync(offset = 0, length = this.length - offset): Promise<TensorArrays[Type]> {
    return arrayOf(this.type, await this.native.readAsync(this.bytesTo(offset), this.bytesTo(length)));
  }

  /**
   * Copies from another buffer of the same type, of whichever session and device, past JavaScript; on a thread of this
   * buffer's session, after the runs that were asked for before. Several pieces are one piece of work for that thread.
   * Until it resolves all parts are in use.
   * @throws NATIVE_BUSY while a run or another copy uses one of them, or where they overlap.
   */
  async copy(source: DeviceBuffer<Type>, options: CopyOptions | readonly CopyOptions[] = {}): Promise<void> {
    if (source.type !== this.type) throw invalid(`a buffer of ${this.type} does not hold ${source.type}`);
    const pieces = [options]
      .flat()
      .map(({ sourceOffset = 0, offset = 0, length = source.length - sourceOffset }) => [
        source.bytesTo(sourceOffset),
        this.bytesTo(offset),
        source.bytesTo(length),
      ]);
    await this.native.copy(source.native, pieces.flat());
  }

  /** Elements. */
  get length(): number {
    return elementsOf(this.dims);
  }

  /** Bytes of so many elements, where the buffer has as many. */
  private bytesTo(elements: number): number {
    const { length } = this;
    if (!Number.isInteger(elements) || elements < 0 || elements > length) {
      throw invalid(`the buffer has ${length} elements, not ${elements}`);
    }
    return elements * formatOf(this.type).array.BYTES_PER_ELEMENT;
  }

  /** Gives the memory back, where the buffer is no view. @throws NATIVE_BUSY while a run or a copy uses it. */
  close(): void {
    this.native.close();
  }
}
