import type { Sink } from "@millrace/core";

/** A call that writes, with how many points it is about. */
export interface SinkWrite {
  readonly operation: "upsert" | "delete";
  readonly points: number;
}

/** The same sink, each call that writes made by `around`. */
export function aroundWrites(sink: Sink, around: (write: SinkWrite, act: () => Promise<void>) => Promise<void>): Sink {
  return {
    open: (schema) => sink.open(schema),
    upsert: (batch) => around({ operation: "upsert", points: batch.records.length }, () => sink.upsert(batch)),
    delete: (ids) => around({ operation: "delete", points: ids.length }, () => sink.delete(ids)),
    finish: () => sink.finish(),
    close: () => sink.close(),
  };
}
