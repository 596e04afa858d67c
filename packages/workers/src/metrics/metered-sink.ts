import type { Sink } from "@millrace/core";
import { aroundWrites } from "../sinks/around-writes.js";
import type { StoreDriver } from "../sinks/create.js";
import type { Metrics } from "./metrics.js";

/** The same sink, its calls counted and timed. */
export function meteredSink(sink: Sink, driver: StoreDriver, metrics: Metrics): Sink {
  return aroundWrites(sink, async ({ operation, points }, act) => {
    const startedAt = performance.now();
    try {
      await act();
    } catch (error) {
      metrics.count("millrace_sink_calls_total", { driver, operation, outcome: "failed" });
      throw error;
    }
    metrics.count("millrace_sink_calls_total", { driver, operation, outcome: "done" });
    metrics.count("millrace_sink_points_total", { operation }, points);
    metrics.observe("millrace_sink_call_duration_seconds", { operation }, (performance.now() - startedAt) / 1000);
  });
}
