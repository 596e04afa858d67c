import type { Job, Promotion } from "@millrace/core";
import { createGenerations, openBlobs, rollback } from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import type { JobQuery } from "./choose-jobs.js";
import { lockStore } from "./job.js";
import { storeOptions } from "./model.js";
import { findJob } from "./stored-jobs.js";

/** Lets a former generation of a job's store answer again. */
export async function rollbackStore(
  settings: Settings,
  query: JobQuery,
): Promise<Promotion & { readonly id: string; readonly job: Job }> {
  const { id, job } = await findJob(settings.work, query);
  const unlock = await lockStore(job.store);
  const generations = createGenerations(job.store, storeOptions(settings));
  try {
    const root = await openBlobs(settings.work);
    return { id, ...(await rollback({ root, generations }, id, settings.generation)) };
  } finally {
    await generations.close();
    await unlock();
  }
}
