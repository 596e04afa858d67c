import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MillraceError } from "@millrace/core";
import {
  createSearcher,
  createSink,
  createSteps,
  defaultWorkLimits,
  discardingBlobs,
  KnownVectors,
  openBlobs,
  type StoreOptions,
} from "@millrace/workers";
import { type DescribedJob, describeJob, type JobRequest, openLocation } from "./described-job.js";
import { type OpenJob, openSplitter } from "./job.js";
import { openEncoder, storeOptions } from "./model.js";

/** A job whose plan and split can be taken, and nothing else: neither store nor work folder is written. */
export async function openDryRun(request: JobRequest): Promise<OpenJob> {
  const spool = request.location === "-" ? await mkdtemp(join(tmpdir(), "millrace-plan-")) : undefined;
  const discard = async () => void (spool && (await rm(spool, { recursive: true, force: true })));
  try {
    const opened = await openLocation(request, spool ?? "");
    return await openPlan(request, await describeJob(request, opened), discard);
  } catch (error) {
    await discard();
    throw error;
  }
}

async function openPlan(
  { settings, say }: JobRequest,
  { job, model, source }: DescribedJob,
  discard: () => Promise<void>,
): Promise<OpenJob> {
  const options = storeOptions(settings);
  const store = await storeIdentity(job.store, options);
  const encoder = await openEncoder(model, settings, { say });
  const splitter = openSplitter(job, model, { store, say, isDryRun: true, limits: defaultWorkLimits });
  const blobs = discardingBlobs(await openBlobs(job.work));
  const context = {
    blobs,
    source,
    sink: createSink(job.store, options),
    store,
    encoder,
    known: new KnownVectors(model.compiled.graphDigest),
    splitter,
  };
  return {
    job,
    storeOptions: options,
    model,
    encoder,
    steps: createSteps(async () => context),
    observe: (steps) => steps,
    close: async () => {
      await Promise.all([encoder.close(), splitter.close()]);
      await discard();
    },
  };
}

/** Empty where there is no store yet. */
async function storeIdentity(store: string, options: StoreOptions): Promise<string> {
  const searcher = createSearcher(store, options);
  try {
    return (await searcher.schema()).identity;
  } catch (error) {
    if (error instanceof MillraceError && error.code === "E_STORE_MISSING") return "";
    throw error;
  } finally {
    await searcher.close();
  }
}
