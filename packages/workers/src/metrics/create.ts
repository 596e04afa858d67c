import type { Metrics } from "./metrics.js";

/** Metrics of this process, all at 0. Their library is loaded only here: a command that nobody watches starts without it. */
export async function createMetrics(): Promise<Metrics> {
  return new (await import("./metrics.js")).Metrics();
}
