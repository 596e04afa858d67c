import { type BlobStore, compareKeys } from "@millrace/core";
import { checkKey } from "./keys.js";

/** Blobs in this process's memory: for tests, dry runs and examples. */
export function memoryBlobs(): BlobStore {
  const blobs = new Map<string, Uint8Array>();
  return {
    async get(key) {
      checkKey(key);
      return blobs.get(key)?.slice();
    },
    async put(key, bytes, options) {
      checkKey(key);
      if (options?.onlyIfAbsent && blobs.has(key)) return false;
      blobs.set(key, new Uint8Array(bytes));
      return true;
    },
    async delete(keys) {
      keys.forEach(checkKey);
      for (const key of keys) blobs.delete(key);
    },
    async *list(prefix) {
      yield* [...blobs.keys()].filter((key) => key.startsWith(prefix)).sort(compareKeys);
    },
  };
}
