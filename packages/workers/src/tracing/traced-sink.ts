import type { Sink } from "@millrace/core";
import { aroundWrites } from "../sinks/around-writes.js";
import type { StoreDriver } from "../sinks/create.js";
import type { Tracing } from "./tracing.js";

/** The same sink, with a span for each call that writes. */
export function tracedSink(sink: Sink, driver: StoreDriver, tracing: Tracing): Sink {
  return aroundWrites(sink, ({ operation, points }, act) =>
    tracing.span(operation, { "millrace.store": driver, "millrace.points": points }, act),
  );
}
