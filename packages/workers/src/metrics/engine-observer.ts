import type { EncoderObserver } from "../engines/observer.js";
import { DeviceTime, type LaneSeconds } from "./device-time.js";
import type { Metrics } from "./metrics.js";

export interface ObservedEngine {
  /** As results name it: `cpu`, `cuda:0`. */
  readonly device: string;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** Counts what an encoder's hosts do. */
export function observeEngine(metrics: Metrics, { device, now }: ObservedEngine): EncoderObserver {
  const time = new DeviceTime(now);
  const add = ({ busy, starting, noInput }: LaneSeconds) => {
    metrics.count("millrace_device_busy_seconds_total", { device }, busy);
    metrics.count("millrace_device_idle_seconds_total", { device, reason: "starting" }, starting);
    metrics.count("millrace_device_idle_seconds_total", { device, reason: "no_input" }, noInput);
  };
  metrics.beforeRead(() => add(time.change()));
  return {
    lanes(lanes) {
      add(time.change(lanes));
      metrics.set("millrace_device_lanes", { device }, lanes.all);
    },
    queued: (depth) => metrics.set("millrace_engine_queue_depth", {}, depth),
    begun: (waitSeconds) => metrics.observe("millrace_engine_queue_wait_seconds", {}, waitSeconds),
    ended(outcome, { tokens, seconds }) {
      metrics.count("millrace_engine_runs_total", { outcome });
      if (outcome !== "done") return;
      metrics.count("millrace_tokens_total", { kind: "real" }, tokens);
      metrics.observe("millrace_engine_run_tokens", {}, tokens);
      metrics.observe("millrace_engine_run_duration_seconds", {}, seconds);
    },
    restarted: () => metrics.count("millrace_host_restarts_total", { host: "encoder" }),
  };
}
