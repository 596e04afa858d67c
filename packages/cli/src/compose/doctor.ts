import { createSearcher, diagnose, type Finding, storeUri } from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import { deviceKind, deviceSearch } from "./device.js";
import { modelStore, storeOptions } from "./model.js";

/** What `doctor` finds on this machine. */
export async function examineMachine(settings: Settings): Promise<readonly Finding[]> {
  const location = storeUri(settings.store);
  const searcher = createSearcher(location, storeOptions(settings));
  try {
    return await diagnose({
      folders: [settings.work, settings.cacheDirectory],
      model: settings.model,
      modelStore: modelStore(settings, () => {}),
      ...((settings.gpu || deviceKind(settings) === "cuda") && { gpu: deviceSearch(settings) }),
      store: { location, schema: () => searcher.schema() },
    });
  } finally {
    await searcher.close();
  }
}
