import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type Gpu, Runtime } from "@millrace/native";
import { findLibraries } from "../gpu/find-libraries.js";
import { managementLibrary } from "../gpu/libraries.js";
import type { DeviceSearch } from "../gpu/prepare.js";
import type { Finding } from "./finding.js";

/** Lists the GPUs by the driver's management library, or by its program where there is no binding to ask the library with. */
export async function findGpuDevices(search: DeviceSearch): Promise<Finding> {
  const name = "gpu: devices";
  const found = await findLibraries([managementLibrary], search);
  const { gpus, why } = await Runtime.telemetry({ library: found.get(managementLibrary) ?? managementLibrary });
  if (gpus.length > 0) return { name, status: "ok", detail: gpus.map(describe).join("; ") };
  const query = ["--query-gpu=index,name,memory.total,driver_version", "--format=csv,noheader"];
  try {
    const { stdout } = await promisify(execFile)("nvidia-smi", query, { timeout: 10_000 });
    return { name, status: "ok", detail: stdout.trim().split("\n").join("; ") };
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
    const program = isAbsent ? "nvidia-smi is not installed" : "nvidia-smi finds none";
    const fix = "Check the driver, and that the container is given its GPU";
    return { name, status: "warn", detail: `they cannot be listed: ${why}; ${program}`, fix };
  }
}

/** Such as `0 NVIDIA H100 (GPU-6f0f5b3c), 87 % busy, 42.9 of 85.5 GB, 412.5 W, 1980 MHz, 61 °C`. */
function describe(gpu: Gpu): string {
  const { index, name, uuid, utilization, memoryUsed = 0, memoryTotal, power, clock, temperature } = gpu;
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
  const parts = [
    `${index} ${name ?? "without a name"}${uuid === undefined ? "" : ` (${uuid})`}`,
    utilization !== undefined && `${utilization} % busy`,
    memoryTotal !== undefined && `${gigabytes(memoryUsed)} of ${gigabytes(memoryTotal)} GB`,
    power !== undefined && `${power.toFixed(1)} W`,
    clock !== undefined && `${clock} MHz`,
    temperature !== undefined && `${temperature} °C`,
  ];
  return parts.filter((part) => part !== false).join(", ");
}
