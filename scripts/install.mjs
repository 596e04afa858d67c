import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fail } from "./failure.mjs";
import { npm } from "./npm.mjs";
import { withProgress } from "./progress.mjs";

/**
 * Installs what the lockfile names, unless that is there already. A stamp in `node_modules` says which lockfile and
 * platform it was made for.
 * @param {string} root
 */
export async function installPackages(root) {
  const stampPath = join(root, "node_modules", ".millrace-install");
  const lockfile = await readFile(join(root, "package-lock.json"), "utf8");
  const wanted = installStamp(lockfile, `${process.platform}-${process.arch}`);
  const found = await readIfThere(stampPath);
  if (found === wanted) return;
  const installed = await readIfThere(join(root, "node_modules", ".package-lock.json"));
  if (installed === undefined || !holdsPackages(JSON.parse(installed), JSON.parse(lockfile))) {
    const reason = found === undefined ? "first run" : "the lockfile changed";
    await withProgress(`installing packages (${reason})`, () =>
      npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], {
        cwd: root,
        what: "the packages could not be installed",
      }),
    );
  }
  await writeFile(stampPath, wanted).catch((error) =>
    fail("E_RUNTIME", `the folder of the packages cannot be written: ${error.message}. Check its owner and the disk.`),
  );
}

/** @param {string} lockfile @param {string} platform */
export function installStamp(lockfile, platform) {
  return `${createHash("sha256").update(lockfile).digest("hex")} ${platform}\n`;
}

/**
 * @typedef {{ version?: string, link?: boolean, optional?: boolean }} LockedPackage
 * @typedef {{ packages: Record<string, LockedPackage> }} Lockfile
 */

/**
 * Whether an install, as npm recorded it, has every package of the lockfile in its version, so that someone who ran npm
 * by hand need not wait for it again. Optional packages may be missing: they are for other platforms.
 * @param {Lockfile} installed
 * @param {Lockfile} wanted
 */
export function holdsPackages(installed, wanted) {
  return Object.entries(wanted.packages).every(([path, { version, link, optional }]) => {
    if (!path.includes("node_modules/")) return true;
    const found = installed.packages[path];
    if (found === undefined) return optional === true;
    return link === true ? found.link === true : found.version === version;
  });
}

/** @param {string} path */
async function readIfThere(path) {
  return readFile(path, "utf8").catch(() => undefined);
}
