import { createSearcher, openBlobs, quarantined } from "@millrace/workers";
import type { JobQuery } from "./choose-jobs.js";
import { type JobSurroundings, type OpenJob, openStoredJob } from "./job.js";
import { storeOptions } from "./model.js";
import { findJob } from "./stored-jobs.js";

export interface RetryRequest extends JobSurroundings {
  readonly query: JobQuery;
  /** Where the same model is, if not where the job says. */
  readonly reference: string | undefined;
}

/** A job that takes up only what is in quarantine, opened. */
export interface OpenRetry {
  readonly id: string;
  readonly open: OpenJob;
  /** Rows, chunks and whole objects in quarantine now. */
  waiting(): Promise<number>;
}

/** Opens a job that was run before. @throws E_STORE_MISSING: a retry makes no store */
export async function openRetry({ query, reference, ...surroundings }: RetryRequest): Promise<OpenRetry> {
  const { settings } = surroundings;
  const { id, job } = await findJob(settings.work, query);
  const searcher = createSearcher(job.store, storeOptions(settings));
  await searcher.schema().finally(() => searcher.close());
  const open = await openStoredJob(surroundings, { ...job, scope: "quarantined" }, reference);
  const blobs = await openBlobs(job.work);
  return { id, open, waiting: async () => (await quarantined(blobs)).length };
}
