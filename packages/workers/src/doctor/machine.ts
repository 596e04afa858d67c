import { constants } from "node:fs";
import { access, readFile, statfs } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { dirname, resolve } from "node:path";
import { temporalSdkVersion } from "../temporal/sdk-version.js";
import type { Finding } from "./finding.js";

/** Below it zstd in `node:zlib`, stable type stripping or `process.availableMemory` are missing. */
const oldestNode = [22, 19] as const;

/** @param millrace its version */
export async function findVersions(millrace: string): Promise<Finding> {
  const temporal = temporalSdkVersion();
  const facts = { version: millrace, temporalSdk: temporal };
  return { name: "millrace", status: "ok", detail: `${millrace}, Temporal SDK ${temporal}`, facts };
}

/** @param version such as `22.19.0` */
export async function findNode(version: string): Promise<Finding> {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isNew = major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
  const detail = `${version} on ${process.platform}-${process.arch}`;
  if (isNew) return { name: "node", status: "ok", detail };
  return { name: "node", status: "fail", detail, fix: `Install Node.js ${oldestNode.join(".")} or newer` };
}

/** Instruction sets that decide how fast an encoder is. */
const relevantFlags = /^(avx2|fma|avx_vnni|avx512f|avx512_vnni|avx512_bf16|amx_\w+|asimddp|i8mm|bf16|sve)$/;

/** Model, usable cores, and the instruction sets that matter. Flags are known on Linux only. */
export async function findCpu(): Promise<Finding> {
  const info = await readFile("/proc/cpuinfo", "utf8").catch(() => "");
  const all = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(info)?.[1]?.split(/\s+/) ?? [];
  const flags = all.filter((flag) => relevantFlags.test(flag));
  const model = cpus()[0]?.model.trim() || "unknown processor";
  const cores = availableParallelism();
  const known = flags.length === 0 ? [] : [flags.join(" "), ...(process.arch === "x64" ? [whatFollows(flags)] : [])];
  const detail = [model, `${cores} ${cores === 1 ? "core" : "cores"}`, ...known].join(", ");
  if (process.arch !== "x64" || all.length === 0 || flags.includes("avx2"))
    return { name: "cpu", status: "ok", detail };
  return {
    name: "cpu",
    status: "warn",
    detail,
    fix: "Encoding is several times slower without avx2; use a newer processor",
  };
}

/** What instruction sets mean for the choice of a precision. */
function whatFollows(flags: readonly string[]): string {
  if (flags.some((flag) => flag.startsWith("amx_int8"))) return "int8 gains most (AMX)";
  if (flags.some((flag) => /vnni/.test(flag))) return "int8 gains much (VNNI)";
  return flags.includes("avx2") ? "int8 gains about half as much again (no VNNI)" : "int8 gains little";
}

/** A model, its tokenizer and a batch per host take about this much. */
const comfortableMemory = 2e9;

export async function findMemory(): Promise<Finding> {
  const available = process.availableMemory();
  const total = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const isLimited = total < totalmem();
  const detail = `${gigabytes(available)} available of ${gigabytes(total)}${isLimited ? ", by a limit of the control group" : ""}`;
  if (available >= comfortableMemory) return { name: "memory", status: "ok", detail };
  return { name: "memory", status: "warn", detail, fix: "Run fewer hosts with --hosts 1, or free some memory" };
}

const comfortableDisk = 2e9;
const leastDisk = 100e6;

/** Free space where a folder is, or will be made, and whether it can be written. */
export async function findDisk(folder: string): Promise<Finding> {
  const name = `disk ${folder}`;
  const existing = await nearestFolder(resolve(folder));
  try {
    await access(existing, constants.W_OK);
    const { bavail, bsize } = await statfs(existing);
    const free = bavail * bsize;
    const detail = `${gigabytes(free)} free`;
    if (free >= comfortableDisk) return { name, status: "ok", detail };
    const status = free < leastDisk ? "fail" : "warn";
    return { name, status, detail, fix: "Free some space, or choose another folder" };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name, status: "fail", detail, fix: "Give yourself the right to write there, or choose another folder" };
  }
}

async function nearestFolder(folder: string): Promise<string> {
  const isThere = await access(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );
  return isThere || dirname(folder) === folder ? folder : nearestFolder(dirname(folder));
}

/** LanceDB keeps many fragments open at once. */
const comfortableOpenFiles = 1024;

export async function findOpenFiles(): Promise<Finding> {
  const name = "open files";
  const limit = readOpenFilesLimit();
  if (limit === undefined) return { name, status: "ok", detail: "no limit is known" };
  const detail = `up to ${limit}`;
  if (limit === "unlimited" || limit >= comfortableOpenFiles) return { name, status: "ok", detail };
  return { name, status: "warn", detail, fix: `Raise the limit: ulimit -n ${comfortableOpenFiles * 4}` };
}

/** Node tells its limits in the diagnostic report only, which otherwise looks up the names of open connections. */
function readOpenFilesLimit(): number | "unlimited" | undefined {
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | "unlimited" } } };
  return report.userLimits?.open_files?.soft;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
