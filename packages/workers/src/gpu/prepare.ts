import { resolve } from "node:path";
import { type Device, deviceText, MillraceError } from "@millrace/core";
import type { LibrarySearch } from "./find-libraries.js";
import { cudaLibraries, driverLibrary, formerName, remedyOf } from "./libraries.js";
import { locateLibraries } from "./locate.js";
import { findGpuRuntime, onnxRuntimeVersion } from "./runtime.js";

/** A device with what a host needs to use it. */
export type ReadyDevice =
  | { readonly kind: "cpu" }
  | {
      readonly kind: "cuda";
      readonly gpus: readonly number[];
      /** Folder that `gpu install` made. */
      readonly runtime: string;
      /** Paths of the libraries to load before the provider, in this order. */
      readonly libraries: readonly string[];
    };

export interface DeviceSearch extends LibrarySearch {
  readonly cacheDirectory: string;
}

/**
 * Looks for all that a device needs, by name: ONNX Runtime's own error does not say what is missing. Nothing is loaded here.
 * @throws E_DEVICE
 */
export async function prepareDevice(device: Device, search: DeviceSearch): Promise<ReadyDevice> {
  if (device.kind === "cpu") return device;
  const unusable = (why: string, fix: string) => deviceError(deviceText(device), why, fix);
  if (process.platform !== "linux" || process.arch !== "x64")
    throw unusable(`there is no CUDA provider for ${process.platform}-${process.arch}`, "Use --device cpu.");
  const runtime = await findGpuRuntime(resolve(search.cacheDirectory));
  if (runtime === undefined)
    throw unusable(
      `ONNX Runtime ${await onnxRuntimeVersion()}'s CUDA provider is not installed`,
      "Install it: millrace gpu install. What else is needed is shown by: millrace doctor --gpu.",
    );
  const found = await locateLibraries(search);
  const missing = cudaLibraries.find(({ name, isNeeded }) => isNeeded && !found.has(name));
  if (missing !== undefined) {
    const former = found.get(formerName(missing.name) ?? "");
    const instead = former === undefined ? "" : `; ${former} is of another CUDA version`;
    const isDriver = missing.name === driverLibrary;
    const why = isDriver
      ? `no CUDA device: ${missing.name} of the NVIDIA driver is missing`
      : `${missing.name} is missing${instead}`;
    throw unusable(why, `${remedyOf(missing)}. All that is needed is shown by: millrace doctor --gpu.`);
  }
  const libraries = cudaLibraries.flatMap(({ name }) => found.get(name) ?? []);
  return { ...device, runtime: runtime.folder, libraries };
}

export function deviceError(device: string, why: string, fix: string): MillraceError {
  return new MillraceError("E_DEVICE", `${device} cannot be used here`, { why, fix });
}
