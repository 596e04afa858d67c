import { type GenerateJob, type GenerateSummary, MillraceError } from "@millrace/core";
import { finishedSummary, type Jobs, openBlobs, workName } from "@millrace/workers";
import { attributes, type GenerateCorpusInput, generateQueue, ioQueue, orchestrateQueue } from "@millrace/workflows";
import { deviceKind } from "./device.js";
import { attributesFor, openFleet } from "./fleet.js";
import { type DescribedGeneration, describeGeneration, type GenerationRequest } from "./generate.js";

/** A generation job that was handed to a Temporal server, or was done before. */
export interface SubmittedGeneration {
  readonly id: string;
  readonly job: GenerateJob;
  readonly jobs: Jobs;
  readonly finished: GenerateSummary | undefined;
}

/** Describes a job as `generate` does, and starts it on the server. Its id follows from all that decides an answer. */
export async function submitGeneration(request: GenerationRequest): Promise<SubmittedGeneration> {
  refuseWhatStaysHere(request);
  // The server first: a model need not be fetched to learn that nobody listens.
  const jobs = await openFleet(request.settings);
  try {
    const described = await describeGeneration(request);
    try {
      return { ...(await start(request, described, jobs)), jobs };
    } finally {
      await described.close();
    }
  } catch (error) {
    await jobs.close();
    throw error;
  }
}

function refuseWhatStaysHere({ location, hasModel, settings }: GenerationRequest): void {
  if (settings.payloadField !== undefined) {
    throw new MillraceError("E_USAGE", "results are put into a store in this process only", {
      fix: "Leave --payload-field or --on temporal out.",
    });
  }
  if (location === "-") {
    throw new MillraceError("E_USAGE", "standard input cannot be answered on temporal", {
      why: "the workers cannot read it",
      fix: "Save it where they can, and name that place.",
    });
  }
  if (hasModel) return;
  throw new MillraceError("E_USAGE", "requests that want vectors alone are answered in this process only", {
    why: "workers of a fleet take requests of a model that generates",
    fix: "Leave --on temporal out, or name that model with --model.",
  });
}

async function start(
  { settings, say }: GenerationRequest,
  { job }: DescribedGeneration,
  jobs: Jobs,
): Promise<Omit<SubmittedGeneration, "jobs">> {
  if (job.task?.by === "head") {
    throw new MillraceError("E_USAGE", "a model with a head judges in this process only", {
      why: "workers of a fleet do tasks with a model that generates",
      fix: "Leave --on temporal out.",
    });
  }
  const id = workName(job.work);
  const finished = await finishedSummary(await openBlobs(job.work), job);
  if (finished !== undefined) return { id, job, finished };
  const device = deviceKind(settings);
  const { attributes: found, isSearchable } = await attributesFor({ settings, say }, attributesOf(job), jobs);
  const input: GenerateCorpusInput = { job, device, batches: settings.inFlight, isSearchable };
  const needs = [ioQueue, generateQueue(job.model.graph, device)];
  await jobs.start({ id, workflow: "generateCorpus", queue: orchestrateQueue, input, needs, attributes: found });
  return { id, job, finished };
}

/** What a generation job is found by, in plain: its source, and its model. */
function attributesOf({ source, model }: GenerateJob): Readonly<Record<string, string>> {
  return { [attributes.corpus]: source.location, [attributes.model]: model.reference };
}
