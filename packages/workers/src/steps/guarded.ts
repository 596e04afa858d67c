import type { BlobStore, Sink } from "@millrace/core";

/** Awaited before each write, which is left out where it throws. */
export type Check = () => Promise<void>;

/** The same blobs, written only while the check holds. */
export function guardedBlobs(blobs: BlobStore, check: Check): BlobStore {
  return {
    get: (key) => blobs.get(key),
    list: (prefix) => blobs.list(prefix),
    put: async (key, bytes, options) => {
      await check();
      return blobs.put(key, bytes, options);
    },
    delete: async (keys) => {
      await check();
      await blobs.delete(keys);
    },
  };
}

/** The same sink, written only while the check holds. */
export function guardedSink(sink: Sink, check: Check): Sink {
  return {
    open: (schema) => sink.open(schema),
    upsert: async (batch) => {
      await check();
      await sink.upsert(batch);
    },
    delete: async (ids) => {
      await check();
      await sink.delete(ids);
    },
    finish: async () => {
      await check();
      await sink.finish();
    },
    close: () => sink.close(),
  };
}
