import { access, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

/**
 * ONNX Runtime with its CUDA provider, below the cache folder:
 * ```
 * gpu/onnxruntime-<version>/record.json                            where it comes from, and each library's sha256
 * gpu/onnxruntime-<version>/node_modules/onnxruntime-node/…        a copy of npm's, with the provider beside the binding
 * ```
 * A copy, because the provider is looked for beside the library that loads it, and npm deletes what it did not install.
 */
export interface GpuRuntime {
  readonly folder: string;
  readonly record: GpuRuntimeRecord;
}

export interface GpuRuntimeRecord {
  /** Of ONNX Runtime: provider, core and npm's binding must be of the same. */
  readonly version: string;
  readonly origin: string;
  readonly license: string;
  /** True where the provider is the one this version of millrace knows. */
  readonly isPinned: boolean;
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly sha256: string }[];
}

/** The CUDA provider's own library, and the one that connects it to the core. */
export const providerLibrary = "libonnxruntime_providers_cuda.so";
export const sharedLibrary = "libonnxruntime_providers_shared.so";
/** The core, under the name that the binding asks for. */
export const coreLibrary = "libonnxruntime.so.1";
export const recordName = "record.json";

/** Version of the ONNX Runtime that npm installed. */
export async function onnxRuntimeVersion(): Promise<string> {
  return packageVersion(packageFolder("onnxruntime-node"));
}

/** Folder of an installed npm package. */
export function packageFolder(name: string): string {
  const from = createRequire(import.meta.url);
  const entry =
    name === "onnxruntime-node" ? from.resolve(name) : createRequire(from.resolve("onnxruntime-node")).resolve(name);
  const end = entry.lastIndexOf(join("node_modules", name)) + join("node_modules", name).length;
  return entry.slice(0, end);
}

export async function packageVersion(folder: string): Promise<string> {
  return String(JSON.parse(await readFile(join(folder, "package.json"), "utf8")).version);
}

export function gpuRuntimeFolder(cacheDirectory: string, version: string): string {
  return join(cacheDirectory, "gpu", `onnxruntime-${version}`);
}

/** Folder of the binding and the libraries beside it. */
export function bindingFolder(folder: string): string {
  return join(folder, "node_modules/onnxruntime-node/bin/napi-v6", process.platform, process.arch);
}

/** What `gpu install` left for this version; undefined where it left nothing or not all. */
export async function findGpuRuntime(cacheDirectory: string): Promise<GpuRuntime | undefined> {
  const folder = gpuRuntimeFolder(cacheDirectory, await onnxRuntimeVersion());
  try {
    const record: GpuRuntimeRecord = JSON.parse(await readFile(join(folder, recordName), "utf8"));
    for (const { name } of record.files) await access(join(bindingFolder(folder), name));
    return { folder, record };
  } catch {
    return undefined;
  }
}
