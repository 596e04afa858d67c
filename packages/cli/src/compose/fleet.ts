import { basename } from "node:path";
import { type Job, MillraceError } from "@millrace/core";
import { type Jobs, openJobs } from "@millrace/workers";
import { type EmbedCorpusInput, encodeQueue, ioQueue, orchestrateQueue } from "@millrace/workflows";
import type { Settings } from "../config/settings.js";
import { describeJob, type JobRequest, openLocation } from "./described-job.js";

/** The jobs of the Temporal server that the settings name. */
export async function openFleet({ temporalAddress, temporalNamespace }: Settings): Promise<Jobs> {
  return openJobs({
    ...(temporalAddress === undefined ? {} : { address: temporalAddress }),
    ...(temporalNamespace === undefined ? {} : { namespace: temporalNamespace }),
  });
}

/** A job that was handed to a Temporal server. */
export interface SubmittedJob {
  readonly id: string;
  readonly job: Job;
  readonly jobs: Jobs;
}

/** Describes a job as `index` does, and starts it on the server. Its id follows from corpus and store. */
export async function submitJob(request: JobRequest): Promise<SubmittedJob> {
  const { settings } = request;
  if (request.location === "-") {
    throw new MillraceError("E_USAGE", "standard input cannot be indexed on temporal", {
      why: "the workers cannot read it",
      fix: "Save it where they can, and name that place.",
    });
  }
  // The server first: a model need not be fetched to learn that nobody listens.
  const jobs = await openFleet(settings);
  try {
    const { job } = await describeJob(request, await openLocation(request, settings.work));
    const id = basename(job.work);
    const input: EmbedCorpusInput = { job, device: settings.device, batches: settings.inFlight };
    const needs = [ioQueue, encodeQueue(job.model, settings.device)];
    await jobs.start({ id, workflow: "embedCorpus", queue: orchestrateQueue, input, needs });
    return { id, job, jobs };
  } catch (error) {
    await jobs.close();
    throw error;
  }
}
