import { createMetrics, type Metrics, pushMetrics, serveMetrics, watchGpus } from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import { version } from "../version.js";
import { deviceKind, deviceSearch } from "./device.js";
import type { Say } from "./model.js";

/** The metrics of this process, and whoever is told of them. */
export interface OpenMetrics {
  readonly metrics: Metrics;
  /** From here on `/readyz` says so. */
  ready(): void;
  /** Metrics of others in this process, put behind ours whenever these are read. */
  join(others: () => Promise<string>): void;
  /** Hands them to the Pushgateway, where there is one, under the name given. @throws E_UNREACHABLE */
  push(job: string): Promise<void>;
  close(): Promise<void>;
}

/** Serves or pushes metrics as the settings say; undefined where nobody is to hear of them. @throws E_CONFIG */
export async function openMetrics(settings: Settings, say: Say): Promise<OpenMetrics | undefined> {
  const { metricsPort, metricsHost, metricsPush } = settings;
  if (metricsPort === undefined && metricsPush === undefined) return undefined;
  const metrics = await createMetrics();
  metrics.set("millrace_build_info", { version, node: process.versions.node }, 1);
  if (deviceKind(settings) === "cuda") watchGpus(metrics, deviceSearch(settings));
  let isReady = false;
  let others = async () => "";
  const endpoint =
    metricsPort === undefined
      ? undefined
      : await serveMetrics(metrics, {
          host: metricsHost,
          port: metricsPort,
          isReady: () => isReady,
          others: () => others(),
        });
  if (endpoint !== undefined) say(`metrics at ${endpoint.url}/metrics`);
  return {
    metrics,
    ready: () => {
      isReady = true;
    },
    join: (more) => {
      others = more;
    },
    push: async (job) => {
      if (metricsPush !== undefined) await pushMetrics(metrics, { url: metricsPush, job });
    },
    close: async () => endpoint?.close(),
  };
}
