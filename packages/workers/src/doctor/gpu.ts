import { readFile } from "node:fs/promises";
import { MillraceError } from "@millrace/core";
import { requireNode22 } from "../engines/onnx-runtime.js";
import { type CudaLibrary, cudaLibraries, driverLibrary, formerName, remedyOf } from "../gpu/libraries.js";
import { locateLibraries } from "../gpu/locate.js";
import type { DeviceSearch } from "../gpu/prepare.js";
import { probeLibraries } from "../gpu/probe.js";
import { probeDevice } from "../gpu/probe-device.js";
import { findGpuRuntime, type GpuRuntime, onnxRuntimeVersion } from "../gpu/runtime.js";
import type { Finding } from "./finding.js";
import { findGpuDevices } from "./gpu-devices.js";

/** Looks at all that `--device cuda` needs: Node, driver, GPUs, CUDA's libraries, and the provider, which is loaded once. */
export async function findGpu(search: DeviceSearch): Promise<readonly Finding[]> {
  const found = await locateLibraries(search);
  const there = cudaLibraries.filter(({ name }) => found.has(name));
  const paths = there.map(({ name }) => found.get(name) as string);
  const problems = await probeLibraries(paths).catch((error: Error) => paths.map(() => error.message));
  const problemOf = new Map(paths.map((path, index) => [path, problems[index]]));
  const libraries = await Promise.all(cudaLibraries.map((library) => findLibrary(library, found, problemOf)));
  const runtime = await findGpuRuntime(search.cacheDirectory).catch(() => undefined);
  return [
    findHostNode(),
    await findGpuDevices(search),
    ...libraries,
    findProvider(runtime, await onnxRuntimeVersion()),
    await findSession(runtime, paths, libraries),
  ];
}

function findHostNode(): Finding {
  const name = "gpu: node";
  try {
    requireNode22(process.versions.node);
    return { name, status: "ok", detail: process.versions.node };
  } catch {
    return { name, status: "fail", detail: `${process.versions.node} cannot take float16 tensors`, fix: "Use Node 22" };
  }
}

async function findLibrary(
  library: CudaLibrary,
  found: ReadonlyMap<string, string>,
  problemOf: ReadonlyMap<string, string | undefined>,
): Promise<Finding> {
  const { isNeeded } = library;
  const name = `gpu: ${library.name}`;
  const path = found.get(library.name);
  const problem = path && problemOf.get(path);
  if (path !== undefined && problem === undefined) {
    const version = library.name === driverLibrary ? await driverVersion() : undefined;
    return { name, status: "ok", detail: `${path}${version === undefined ? "" : `, driver ${version}`}` };
  }
  const former = found.get(formerName(library.name) ?? "");
  const instead = former === undefined ? "" : `; ${former} is of another CUDA version`;
  const detail = path === undefined ? `not found${instead}` : `cannot be loaded: ${problem}`;
  if (isNeeded) return { name, status: "fail", detail, fix: remedyOf(library) };
  return { name, status: "warn", detail: `${detail}; encoders do without it`, fix: remedyOf(library) };
}

async function driverVersion(): Promise<string | undefined> {
  const text = await readFile("/proc/driver/nvidia/version", "utf8").catch(() => "");
  return / (\d+\.\d+(?:\.\d+)?) /.exec(text)?.[1];
}

function findProvider(runtime: GpuRuntime | undefined, version: string): Finding {
  const name = "gpu: provider";
  const fix = "Install it: millrace gpu install";
  if (runtime === undefined)
    return { name, status: "fail", detail: `ONNX Runtime ${version}'s CUDA provider is not installed`, fix };
  const { record, folder } = runtime;
  const detail = `${record.version} (${record.license}) from ${record.origin}, in ${folder}`;
  if (!record.isPinned)
    return { name, status: "warn", detail: `${detail}; not the file that this millrace knows`, fix };
  return { name, status: "ok", detail };
}

/** The proof: a graph that runs on the first GPU. It is not tried where something is known to be missing. */
async function findSession(
  runtime: GpuRuntime | undefined,
  libraries: readonly string[],
  findings: readonly Finding[],
): Promise<Finding> {
  const name = "gpu: session";
  const fix = "Repair what fails above";
  if (runtime === undefined || findings.some(({ status }) => status === "fail"))
    return { name, status: "fail", detail: "not tried", fix };
  try {
    await probeDevice({ gpu: 0, runtime: runtime.folder, libraries });
    return { name, status: "ok", detail: "a graph runs on cuda:0" };
  } catch (error) {
    const detail = error instanceof MillraceError ? (error.why ?? error.what) : String(error);
    return { name, status: "fail", detail, fix: "Check the driver and its version" };
  }
}
