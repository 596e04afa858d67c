/** A flat map from keys to bytes: a local folder, memory, or an S3 prefix. Keys use `/` and never begin with it. */
export interface BlobStore {
  /** The bytes, or undefined where there are none. */
  get(key: string): Promise<Uint8Array | undefined>;
  /**
   * Stores the bytes whole or not at all, whatever dies meanwhile, and resolves when they are durable.
   * With `onlyIfAbsent` an existing blob stays as it is. @returns false where it did.
   */
  put(key: string, bytes: Uint8Array, options?: { readonly onlyIfAbsent?: boolean }): Promise<boolean>;
  /** Keys that are not there are ignored. */
  delete(keys: readonly string[]): Promise<void>;
  /** Keys that begin with `prefix`, in ascending `compareKeys` order. */
  list(prefix: string): AsyncIterable<string>;
}
