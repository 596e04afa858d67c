import { findBindings } from "./bindings.js";
import type { DiagnoseOptions, Finding } from "./finding.js";
import { findGpu } from "./gpu.js";
import { findCpu, findDisk, findMemory, findNode, findOpenFiles, findVersions } from "./machine.js";
import { findServers } from "./servers.js";
import { findHub, findModelFiles, findPip, findStore } from "./surroundings.js";

/** Looks at everything a run needs, changes nothing, and never throws. Takes a few seconds. */
export async function diagnose(options: DiagnoseOptions): Promise<readonly Finding[]> {
  const { folders, model, modelStore, store, gpu, version, servers } = options;
  const answers = findServers(servers);
  const findings = await Promise.all([
    findVersions(version),
    findNode(process.versions.node),
    findCpu(),
    findMemory(),
    ...[...new Set(folders)].map(findDisk),
    findOpenFiles(),
    ...findBindings(),
    findPip(modelStore.python),
    findModelFiles(model, modelStore),
    findHub(modelStore),
    findStore(store),
  ]);
  return [...findings, ...(await answers), ...(gpu === undefined ? [] : await findGpu(gpu))];
}
