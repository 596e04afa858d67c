import { type EngineFacts, type Job, MillraceError, type VerifyReport } from "@millrace/core";
import { createSearcher, openBlobs, openSource, verify } from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import type { JobQuery } from "./choose-jobs.js";
import { openEncoder, openJobModel, type Say, storeOptions } from "./model.js";
import { findJob } from "./stored-jobs.js";

export interface VerificationRequest {
  readonly settings: Settings;
  readonly say: Say;
  readonly query: JobQuery;
  /** Where the same model is, if not where the job says. */
  readonly reference: string | undefined;
}

/** A job whose store can be checked. */
export interface OpenVerification {
  readonly id: string;
  readonly job: Job;
  /** @param seed decides which vectors are compared */
  report(seed: number): Promise<VerifyReport>;
  /** Of the model, where vectors are compared. */
  readonly engine?: EngineFacts;
  close(): Promise<void>;
}

/** Opens a job's store and work folder for reading, and its model where vectors are to be compared. */
export async function openVerification(request: VerificationRequest): Promise<OpenVerification> {
  const { settings, say, query, reference } = request;
  const { id, job } = await findJob(settings.work, query);
  const searcher = createSearcher(job.store, storeOptions(settings));
  const { sample } = settings;
  try {
    await searcher.schema();
    const model = sample === 0 ? undefined : await openJobModel({ settings, say }, job, reference);
    const encoder = model && (await openEncoder(model, settings, { say }));
    const sampling = model && encoder && { model: { tokenizer: model.tokenizer, encoder } };
    const source = await openSource(job.source).catch(unlessMissing);
    const context = { blobs: await openBlobs(job.work), searcher, ...(source && { source }), ...sampling };
    return {
      id,
      job,
      ...(encoder && { engine: encoder.engine }),
      report: (seed) => verify(context, job, { sample, seed }),
      close: async () => void (await Promise.all([searcher.close(), encoder?.close()])),
    };
  } catch (error) {
    await searcher.close();
    throw error;
  }
}

/** A store can be checked after its source has gone. */
function unlessMissing(error: unknown): undefined {
  if (!(error instanceof MillraceError) || error.code !== "E_SOURCE_MISSING") throw error;
}
