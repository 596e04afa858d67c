import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cudaLibraries, type DeviceSearch, installProvider } from "@millrace/workers";

/** What a machine with a GPU has, made of files that only bear the right names. */
export interface GpuPlaces {
  readonly folder: string;
  /** Looks nowhere but here. */
  readonly search: DeviceSearch;
  /** Folder with a provider of the version that is in use, and its core. */
  readonly provider: string;
  addLibraries(names: readonly string[]): Promise<void>;
  install(from?: string): Promise<readonly string[]>;
}

export const allLibraries: readonly string[] = cudaLibraries.map(({ name }) => name);

/** The version that npm installed. */
export const version = "1.30.0";

export const providerFiles: Readonly<Record<string, string>> = {
  [`libonnxruntime.so.${version}`]: `… VERS_${version} …`,
  "libonnxruntime_providers_cuda.so": "a provider",
  "libonnxruntime_providers_shared.so": "what connects it",
};

/** A folder that the caller removes. */
export async function makeGpuPlaces(): Promise<GpuPlaces> {
  const folder = await mkdtemp(join(tmpdir(), "millrace-gpu-"));
  const libraries = join(folder, "libraries");
  const provider = join(folder, "provider");
  const cacheDirectory = join(folder, "cache");
  for (const path of [libraries, provider]) await mkdir(path);
  for (const [name, text] of Object.entries(providerFiles)) await writeFile(join(provider, name), text);
  return {
    folder,
    provider,
    search: { cacheDirectory, python: "python3", folders: [libraries] },
    async addLibraries(names) {
      for (const name of names) await writeFile(join(libraries, name), "no library");
    },
    async install(from = provider) {
      const lines: string[] = [];
      const report = (line: string) => void lines.push(line);
      await installProvider({ cacheDirectory, python: "python3", from, isOffline: true, report });
      return lines;
    },
  };
}
