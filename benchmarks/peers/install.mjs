import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installedMark, isInstalled, npmFolder, npmPackages, pythonFolder, pythonPackages } from "./places.mjs";

/**
 * Installs the systems that benchmarks compare with into the cache, about 6 GB, most of it torch:
 * `node benchmarks/peers/install.mjs`. What is there already is left as it is.
 */
const steps = [
  {
    folder: pythonFolder,
    title: pythonPackages.join(", "),
    commands: [
      ["python3", "-m", "venv", pythonFolder],
      [join(pythonFolder, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", ...pythonPackages],
    ],
  },
  {
    folder: npmFolder,
    title: npmPackages.join(", "),
    commands: [
      ["npm", "install", "--prefix", npmFolder, "--ignore-scripts", "--no-audit", "--no-fund", ...npmPackages],
    ],
  },
];

for (const { folder, title, commands } of steps) {
  if (isInstalled(folder)) continue;
  process.stderr.write(`• installing ${title}\n`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const failed = commands.find(([file = "", ...args]) => !succeeds(file, args));
  if (failed !== undefined || !existsSync(folder)) {
    process.stderr.write(
      `not installed: ${failed?.slice(0, 3).join(" ")} failed; the peers that need it are skipped\n`,
    );
    process.exitCode = 1;
    continue;
  }
  writeFileSync(installedMark(folder), `${title}\n`);
}

/** @param {string} file @param {readonly string[]} args */
function succeeds(file, args) {
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" };
  return spawnSync(file, args, { env, stdio: ["ignore", "ignore", "inherit"] }).status === 0;
}
