import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleWorkflowCode, DefaultLogger } from "@temporalio/worker";
import { writeAtomically } from "../blobs/atomic-file.js";
import { encodedFailuresPath } from "./data-converter.js";
import { temporalSdkVersion } from "./sdk-version.js";

export interface WorkflowsPlace {
  /** The compiled module that names the workflows; `interceptors.js` beside it names what intercepts their calls. */
  readonly workflowsPath: string;
  readonly cacheDirectory: string;
  /** Failures are encoded with the payloads. */
  readonly isEncrypted: boolean;
}

/** Bundles the workflows once per version of them: bundling takes seconds of each worker's start. @returns its path */
export async function bundleWorkflows({ workflowsPath, cacheDirectory, isEncrypted }: WorkflowsPlace): Promise<string> {
  const kind = isEncrypted ? "encrypted" : "plain";
  const path = join(cacheDirectory, "workflows", `${await workflowsDigest(workflowsPath)}-${kind}.js`);
  if (existsSync(path)) return path;
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    workflowInterceptorModules: [join(dirname(workflowsPath), "interceptors.js")],
    logger: new DefaultLogger("ERROR"),
    ...(isEncrypted ? { failureConverterPath: encodedFailuresPath } : {}),
  });
  await writeAtomically({ path, write: (file) => file.writeFile(code) });
  return path;
}

/** Digest of all that a bundle is made of: the modules of these builds, and the bundler's version. Names a build of a worker. */
export async function workflowsDigest(workflowsPath: string): Promise<string> {
  const folders = [dirname(dirname(workflowsPath)), dirname(fileURLToPath(import.meta.resolve("@millrace/core")))];
  const hash = createHash("sha256").update(temporalSdkVersion());
  for (const folder of folders) {
    const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".js"));
    for (const name of files.sort()) hash.update(name).update(await readFile(join(folder, name)));
  }
  return hash.digest("hex").slice(0, 16);
}
