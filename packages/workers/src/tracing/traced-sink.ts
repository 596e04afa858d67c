import type { Sink } from "@millrace/core";
import type { StoreDriver } from "../sinks/create.js";
import type { Tracing } from "./tracing.js";

/** The same sink, with a span for each call that writes. */
export function tracedSink(sink: Sink, driver: StoreDriver, tracing: Tracing): Sink {
  const call = (operation: "upsert" | "delete", points: number, act: () => Promise<void>) =>
    tracing.span(operation, { "millrace.store": driver, "millrace.points": points }, act);
  return {
    open: (schema) => sink.open(schema),
    upsert: (batch) => call("upsert", batch.records.length, () => sink.upsert(batch)),
    delete: (ids) => call("delete", ids.length, () => sink.delete(ids)),
    finish: () => sink.finish(),
    close: () => sink.close(),
  };
}
