import type { BlobStore } from "@millrace/core";

/** Reads what `base` holds and writes nothing anywhere: what a dry run works on. */
export function discardingBlobs(base: BlobStore): BlobStore {
  return {
    get: (key) => base.get(key),
    put: async () => true,
    delete: async () => {},
    list: (prefix) => base.list(prefix),
  };
}
