import { findBindings } from "./bindings.js";
import type { DiagnoseOptions, Finding } from "./finding.js";
import { findGpu } from "./gpu.js";
import { findCpu, findDisk, findMemory, findNode, findOpenFiles } from "./machine.js";
import { findHub, findModelFiles, findPip, findStore } from "./surroundings.js";

/** Looks at everything a run needs, changes nothing, and never throws. Takes a few seconds. */
export async function diagnose(options: DiagnoseOptions): Promise<readonly Finding[]> {
  const { folders, model, modelStore, store, gpu } = options;
  const findings = await Promise.all([
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
  return gpu === undefined ? findings : [...findings, ...(await findGpu(gpu))];
}
