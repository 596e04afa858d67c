import type { Sink } from "@millrace/core";
import type { StoreDriver } from "../sinks/create.js";
import type { Metrics } from "./metrics.js";

/** The same sink, its calls counted and timed. */
export function meteredSink(sink: Sink, driver: StoreDriver, metrics: Metrics): Sink {
  const call = async (operation: "upsert" | "delete", points: number, act: () => Promise<void>) => {
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
  };
  return {
    open: (schema) => sink.open(schema),
    upsert: (batch) => call("upsert", batch.records.length, () => sink.upsert(batch)),
    delete: (ids) => call("delete", ids.length, () => sink.delete(ids)),
    finish: () => sink.finish(),
    close: () => sink.close(),
  };
}
