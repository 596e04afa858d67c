import { resolve } from "node:path";
import { createSink, type LoadReport, load, openBlobs, openKeptVectors, type StepControl } from "@millrace/workers";
import { resolvePath } from "../config/paths.js";
import type { Settings } from "../config/settings.js";
import { lockStore } from "./job.js";
import { storeOptions } from "./model.js";

/** Fills the store that the settings name from kept vectors. @param place a job's folder, or its vectors folder */
export async function loadStore(settings: Settings, place: string, control: StepControl): Promise<LoadReport> {
  const where = place.startsWith("s3://") ? place.replace(/\/+$/, "") : resolve(resolvePath(place, {}));
  const { blobs, plan } = await openKeptVectors(await openBlobs(where), where);
  const unlock = await lockStore(settings.store);
  const sink = createSink(settings.store, storeOptions(settings));
  try {
    await sink.open(plan.schema);
    return await load({ blobs, sink }, plan, control);
  } finally {
    await sink.close();
    await unlock();
  }
}
