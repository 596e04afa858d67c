import { resolve } from "node:path";
import {
  createSink,
  type LoadReport,
  load,
  lockFolder,
  openBlobs,
  openKeptVectors,
  type StepControl,
  storeFolder,
} from "@millrace/workers";
import { resolvePath } from "../config/paths.js";
import type { Settings } from "../config/settings.js";
import { storeOptions } from "./model.js";

/** Fills the store that the settings name from kept vectors. @param place a job's folder, or its vectors folder */
export async function loadStore(settings: Settings, place: string, control: StepControl): Promise<LoadReport> {
  const where = place.startsWith("s3://") ? place.replace(/\/+$/, "") : resolve(resolvePath(place, {}));
  const { blobs, plan } = await openKeptVectors(await openBlobs(where), where);
  const folder = storeFolder(settings.store);
  const unlock = folder === undefined ? async () => {} : await lockFolder(folder);
  const sink = createSink(settings.store, storeOptions(settings));
  try {
    await sink.open(plan.schema);
    return await load({ blobs, sink }, plan, control);
  } finally {
    await sink.close();
    await unlock();
  }
}
