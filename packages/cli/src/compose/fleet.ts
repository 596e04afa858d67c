import { type Job, MillraceError } from "@millrace/core";
import {
  type Jobs,
  jobIdOf,
  jobWorkflowId,
  type ListedJob,
  openBlobs,
  openJobs,
  openSchedules,
  rememberJob,
  type Schedules,
  searchable,
  storeUri,
} from "@millrace/workers";
import {
  attributes,
  attributesOf,
  type EmbedCorpusInput,
  encodeQueue,
  ioQueue,
  orchestrateQueue,
  type RefreshCorpusInput,
  type ReindexCorpusInput,
} from "@millrace/workflows";
import type { Settings } from "../config/settings.js";
import { describeJob, type JobRequest, openLocation } from "./described-job.js";
import { deviceKind } from "./device.js";
import { type DescribedReindex, describeReindex, type ReindexRequest, reindexOptions } from "./reindex.js";
import { temporalPlace } from "./temporal-place.js";

/** The jobs of the Temporal server that the settings name. */
export async function openFleet(settings: Settings): Promise<Jobs> {
  return openJobs(temporalPlace(settings));
}

/** The schedules of the Temporal server that the settings name. */
export async function openScheduler(settings: Settings): Promise<Schedules> {
  return openSchedules(temporalPlace(settings));
}

/** A job that was handed to a Temporal server. */
export interface SubmittedJob {
  readonly id: string;
  readonly job: Job;
  readonly jobs: Jobs;
}

/** Describes a job as `index` does, and starts it on the server. Its id follows from corpus and store. */
export async function submitJob(request: JobRequest): Promise<SubmittedJob> {
  refuseStandardInput(request);
  // The server first: a model need not be fetched to learn that nobody listens.
  const jobs = await openFleet(request.settings);
  try {
    const { id, input } = await describeForFleet(request);
    const needs = [ioQueue, encodeQueue(input.job.model, input.device)];
    const { attributes: found, ...searched } = await attributesFor(request, attributesOf(input.job), jobs);
    const start = { id, workflow: "embedCorpus", queue: orchestrateQueue, input: { ...input, ...searched }, needs };
    await jobs.start({ ...start, attributes: found });
    await rememberJob(await openBlobs(request.settings.work), input.job);
    return { id, job: input.job, jobs };
  } catch (error) {
    await jobs.close();
    throw error;
  }
}

/** A reindex that was handed to a Temporal server, or has nothing to do. */
export type SubmittedReindex = DescribedReindex & { readonly jobs?: Jobs };

/** Describes a reindex as `reindex` does, and starts it on the server, under the id of the generation it fills. */
export async function submitReindex(request: ReindexRequest): Promise<SubmittedReindex> {
  const jobs = await openFleet(request.loaded.settings);
  try {
    const reindex = await describeReindex(request);
    const { job, settings, generation, live, fillingId: id } = reindex;
    if (generation === live.generation) {
      await jobs.close();
      return reindex;
    }
    const options = await reindexOptions(reindex, request.say);
    const input: ReindexCorpusInput = { job, device: deviceKind(settings), batches: settings.inFlight, options };
    const needs = [ioQueue, encodeQueue(job.model, input.device)];
    const { attributes: found, ...searched } = await attributesFor(
      { settings, say: request.say },
      attributesOf(job),
      jobs,
    );
    const start = { id, workflow: "reindexCorpus", queue: orchestrateQueue, input: { ...input, ...searched }, needs };
    await jobs.start({ ...start, attributes: found });
    await rememberJob(await openBlobs(settings.work), job);
    return { ...reindex, jobs };
  } catch (error) {
    await jobs.close();
    throw error;
  }
}

/** Has the same job started by a schedule. @returns the job's id */
export async function scheduleJob(name: string, request: JobRequest): Promise<string> {
  refuseStandardInput(request);
  const { cron, every } = request.settings;
  const schedules = await openScheduler(request.settings);
  try {
    const { id, input: job } = await describeForFleet(request);
    const found = await attributesFor(request, attributesOf(job.job), schedules);
    const input: RefreshCorpusInput = { ...job, ...found, workflowId: jobWorkflowId(id) };
    const timing = { cron, ...(every === undefined ? {} : { everyMilliseconds: parseDuration(every) }) };
    await schedules.create({ name, timing, workflow: "refreshCorpus", queue: orchestrateQueue, input });
    await rememberJob(await openBlobs(request.settings.work), input.job);
    return id;
  } finally {
    await schedules.close();
  }
}

interface Found {
  readonly isSearchable: boolean;
  readonly attributes: Readonly<Record<string, string>>;
}

/** What a job is found by on the server, where that keeps such things. @param plain its search attributes, in plain */
export async function attributesFor(
  { settings, say }: Pick<JobRequest, "settings" | "say">,
  plain: Readonly<Record<string, string>>,
  server: Pick<Jobs, "register">,
): Promise<Found> {
  const isSearchable = await server.register(Object.values(attributes));
  if (!isSearchable) {
    const by = attributes.store in plain ? "corpus or store" : "corpus";
    say(`the Temporal server keeps no search attributes for millrace: jobs list cannot look for this job by ${by}`);
    return { isSearchable, attributes: {} };
  }
  const values = Object.entries(plain).map(async ([name, value]) => {
    const [kept] = await searchable(value, settings.temporalKey);
    return [name, kept] as const;
  });
  return { isSearchable, attributes: Object.fromEntries(await Promise.all(values)) };
}

/** What `jobs list` looks for; undefined is everything. */
export interface JobFilter {
  readonly corpus: string | undefined;
  readonly store: string | undefined;
  readonly status: string | undefined;
}

/** The newest jobs of a server that are as wanted. @throws E_CONFIG where the server cannot look for that */
export async function listJobs(jobs: Jobs, settings: Settings, filter: JobFilter): Promise<readonly ListedJob[]> {
  const wanted = [
    [attributes.corpus, filter.corpus],
    [attributes.store, filter.store === undefined ? undefined : storeUri(filter.store)],
  ] as const;
  const values: [string, readonly string[]][] = [];
  for (const [name, value] of wanted)
    if (value !== undefined) values.push([name, await searchable(value, settings.temporalKey)]);
  return jobs.list({
    limit: mostJobs,
    attributes: Object.fromEntries(values),
    ...(filter.status === undefined ? {} : { status: filter.status }),
  });
}

const mostJobs = 100;

async function describeForFleet(
  request: JobRequest,
): Promise<{ readonly id: string; readonly input: EmbedCorpusInput }> {
  const { settings } = request;
  const { job } = await describeJob(request, await openLocation(request, settings.work));
  return { id: jobIdOf(job), input: { job, device: deviceKind(settings), batches: settings.inFlight } };
}

function refuseStandardInput({ location }: JobRequest): void {
  if (location !== "-") return;
  throw new MillraceError("E_USAGE", "standard input cannot be indexed on temporal", {
    why: "the workers cannot read it",
    fix: "Save it where they can, and name that place.",
  });
}

const milliseconds: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 };

function parseDuration(text: string): number {
  return Number(text.slice(0, -1)) * (milliseconds[text.slice(-1)] as number);
}
