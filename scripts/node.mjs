import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import {
  broughtNode,
  broughtNodeFolder,
  cacheFolder,
  minimumNode,
  nodeForMillrace,
  nodePackage,
  platformName,
} from "../packages/cli/bin/node-version.mjs";
import { fail } from "./failure.mjs";
import { npm } from "./npm.mjs";
import { withProgress } from "./progress.mjs";

/** Finds a Node that is new enough, bringing one into the cache where there is none. @returns {Promise<string>} */
export async function provideNode() {
  const found = nodeForMillrace();
  if (found !== undefined) return found;
  const name = nodePackage();
  if (name === undefined) {
    fail(
      "E_RUNTIME",
      `Node ${minimumNode} or newer is needed, this is ${process.versions.node}, and there is no package of it ` +
        `for ${platformName()}. Install Node.js 22 or newer.`,
    );
  }
  const folder = broughtNodeFolder(cacheFolder());
  await withProgress(`bringing Node ${broughtNode} (this is ${process.versions.node})`, () => bringNode(name, folder));
  return join(folder, "bin", "node");
}

/**
 * Installs into a folder of its own and renames it, so that the cache never holds half a Node and two runs at the same
 * time do not disturb each other.
 * @param {string} name
 * @param {string} folder
 */
async function bringNode(name, folder) {
  const what = `Node ${broughtNode} could not be brought to ${folder}`;
  const staging = await makeStaging(folder).catch((error) =>
    fail("E_RUNTIME", `${what}: ${error.message}. Set MILLRACE_CACHE to a folder that can be written.`),
  );
  try {
    const flags = ["--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
    await npm(["install", "--prefix", staging, ...flags, `${name}@${broughtNode}`], { cwd: staging, what });
    const brought = join(staging, "node_modules", name);
    await promisify(execFile)(join(brought, "bin", "node"), ["--version"]).catch((error) =>
      fail("E_RUNTIME", `${what}: it does not start here (${error.message}). Install Node.js 22 or newer.`),
    );
    await rename(brought, folder).catch((error) => {
      if (!existsSync(join(folder, "bin", "node"))) fail("E_RUNTIME", `${what}: ${error.message}.`);
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** @param {string} folder */
async function makeStaging(folder) {
  await mkdir(dirname(folder), { recursive: true });
  return mkdtemp(`${folder}.new-`);
}
