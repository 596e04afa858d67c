import type { Tracing, TracingOptions } from "./tracing.js";

/** Tracing of this process. OpenTelemetry is loaded only here: a command that nobody traces starts without it. */
export async function createTracing(options: TracingOptions): Promise<Tracing> {
  return new (await import("./tracing.js")).Tracing(options);
}
