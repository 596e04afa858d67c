import { execFile } from "node:child_process";
import { access, glob } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** Where to look for libraries. */
export interface LibrarySearch {
  /** Python whose packages may carry CUDA's libraries. */
  readonly python: string;
  /** Look here and nowhere else; by default in the loader's list, Python's packages, and the usual folders. */
  readonly folders?: readonly string[];
}

/** Folders that drivers and toolkits are installed to, containers and WSL included. */
const usualFolders = [
  "/usr/local/nvidia/lib64",
  "/usr/local/nvidia/lib",
  "/usr/lib/wsl/lib",
  "/usr/local/cuda/lib64",
  "/usr/local/cuda-1[0-9]*/lib64",
  "/usr/local/cuda*/targets/*/lib",
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib64",
  "/usr/lib64/nvidia",
  "/usr/lib/nvidia-*",
];

/** Paths of the libraries that are on this machine, by name. */
export async function findLibraries(
  names: readonly string[],
  { python, folders }: LibrarySearch,
): Promise<ReadonlyMap<string, string>> {
  const listed = folders === undefined ? await loaderList() : new Map<string, string>();
  const places = folders ?? [...(await pythonFolders(python)), ...usualFolders];
  const found = new Map<string, string>();
  for (const name of names) {
    const path = listed.get(name) ?? (await firstOf(places, name));
    if (path !== undefined) found.set(name, path);
  }
  return found;
}

const quick = { timeout: 10_000 };

/** What ld.so's cache holds: `name (kind) => path`. */
async function loaderList(): Promise<ReadonlyMap<string, string>> {
  const list = async (command: string) => (await promisify(execFile)(command, ["-p"], quick)).stdout;
  const text = await list("ldconfig").catch(() => list("/sbin/ldconfig").catch(() => ""));
  const entries = [...text.matchAll(/^\s*(\S+) \(.*\bx86-64\b.*\) => (\S+)$/gm)].map(
    ([, name = "", path = ""]) => [name, path] as const,
  );
  return new Map(entries.toReversed());
}

/** Packages of NVIDIA put their libraries into `nvidia/<what>/lib` beside each other. */
async function pythonFolders(python: string): Promise<readonly string[]> {
  const script =
    "import site, sysconfig; print('\\n'.join([sysconfig.get_paths()['purelib'], site.getusersitepackages(), *site.getsitepackages()]))";
  const { stdout } = await promisify(execFile)(python, ["-c", script], quick).catch(() => ({ stdout: "" }));
  return [...new Set(stdout.split("\n").filter((line) => line !== ""))].map((folder) => join(folder, "nvidia/*/lib"));
}

async function firstOf(folders: readonly string[], name: string): Promise<string | undefined> {
  for (const folder of folders) {
    for await (const path of glob(join(folder, name))) {
      const isThere = await access(path).then(
        () => true,
        () => false,
      );
      if (isThere) return path;
    }
  }
  return undefined;
}
