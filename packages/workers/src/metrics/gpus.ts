import { type Gpu, Runtime } from "@millrace/native";
import { findLibraries } from "../gpu/find-libraries.js";
import { managementLibrary } from "../gpu/libraries.js";
import type { DeviceSearch } from "../gpu/prepare.js";
import type { Metrics } from "./metrics.js";

/** Has GPUs measured whenever the metrics are read, as the driver's management library sees them; where there is none, none are. */
export function watchGpus(metrics: Metrics, search: DeviceSearch): void {
  const library = findLibraries([managementLibrary], search).then((found) => found.get(managementLibrary));
  metrics.beforeRead(async () => {
    const { gpus } = await Runtime.telemetry({ library: (await library) ?? managementLibrary });
    for (const gpu of gpus) tell(metrics, gpu);
  });
}

/** What the library does not tell of a GPU has no series. */
function tell(metrics: Metrics, { index, utilization, memoryUsed, memoryTotal, power }: Gpu): void {
  const device = `cuda:${index}`;
  if (memoryUsed !== undefined) metrics.set("millrace_gpu_memory_bytes", { device, kind: "used" }, memoryUsed);
  if (memoryTotal !== undefined) metrics.set("millrace_gpu_memory_bytes", { device, kind: "total" }, memoryTotal);
  if (utilization !== undefined) metrics.set("millrace_gpu_utilization_ratio", { device }, utilization / 100);
  if (power !== undefined) metrics.set("millrace_gpu_power_watts", { device }, power);
}
