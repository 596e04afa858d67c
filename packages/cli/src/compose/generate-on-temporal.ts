import { type GenerateJob, type GenerateSummary, MillraceError } from "@millrace/core";
import { finishedSummary, type Jobs, openBlobs, searchable, workName } from "@millrace/workers";
import { attributes, type GenerateCorpusInput, generateQueue, ioQueue, orchestrateQueue } from "@millrace/workflows";
import { deviceKind } from "./device.js";
import { openFleet } from "./fleet.js";
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

function refuseWhatStaysHere({ location, hasModel }: GenerationRequest): void {
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
  const id = workName(job.work);
  const finished = await finishedSummary(await openBlobs(job.work), job);
  if (finished !== undefined) return { id, job, finished };
  const isSearchable = await jobs.register(Object.values(attributes));
  if (!isSearchable)
    say("the Temporal server keeps no search attributes for millrace: jobs list cannot look for this job by corpus");
  const device = deviceKind(settings);
  const input: GenerateCorpusInput = { job, device, batches: settings.inFlight, isSearchable };
  const needs = [ioQueue, generateQueue(job.model.graph, device)];
  const found = isSearchable ? await attributesOf(job, settings.temporalKey) : {};
  await jobs.start({ id, workflow: "generateCorpus", queue: orchestrateQueue, input, needs, attributes: found });
  return { id, job, finished };
}

/** What a generation job is found by: its source, and its model. */
async function attributesOf({ source, model }: GenerateJob, keys: readonly string[]) {
  const [[corpus], [reference]] = await Promise.all([
    searchable(source.location, keys),
    searchable(model.reference, keys),
  ]);
  return { [attributes.corpus]: corpus, [attributes.model]: reference };
}
