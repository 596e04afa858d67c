import { type Job, type ReindexSteps, type Sink, type Steps, storeSchema } from "@millrace/core";
import {
  createSink,
  createSteps,
  defaultWorkLimits,
  guardedBlobs,
  guardedSink,
  HostSplitter,
  jobIdOf,
  type LazyEncoder,
  type Lease,
  leaseWorkFolder,
  lockFolder,
  type Metrics,
  openBlobs,
  openSource,
  parseStoreUri,
  type RetryReason,
  rememberJob,
  type StoreOptions,
  storeFolder,
  type WorkLimits,
} from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import { type DescribedJob, describeJob, type JobRequest, openLocation } from "./described-job.js";
import { workLimitsFor } from "./device.js";
import { type OpenModel, openEncoder, openJobModel, openKnownVectors, type Say, storeOptions } from "./model.js";
import {
  type Observers,
  observedEncoding,
  observedReindex,
  observedSink,
  observedSteps,
  openTracing,
  traceJob,
} from "./observed.js";

/** Everything `index` needs, opened. */
export interface OpenJob {
  readonly job: Job;
  /** Keys of the store's server. */
  readonly storeOptions: StoreOptions;
  readonly model: OpenModel;
  readonly steps: Steps;
  readonly encoder: LazyEncoder;
  /** What a reindex does once the store is filled, observed as the other steps are. */
  observe(steps: ReindexSteps): ReindexSteps;
  close(): Promise<void>;
}

/** Opens source, model, store and work folder, in the order in which they can fail without leaving anything behind. */
export async function openJob(request: JobRequest): Promise<OpenJob> {
  const { settings } = request;
  const opened = await openLocation(request, settings.work);
  try {
    const open = await openDescribed(request, await describeJob(request, opened));
    return { ...open, close: () => open.close().finally(opened.discard) };
  } catch (error) {
    await opened.discard();
    throw error;
  }
}

/** What of a request says how a job is opened, not what it is. */
export type JobSurroundings = Pick<JobRequest, "settings" | "say" | "onTokens" | "metrics" | "log">;

/** Opens a job that was run before. @param reference where the same model is, if not where the job says */
export async function openStoredJob(
  surroundings: JobSurroundings,
  job: Job,
  reference: string | undefined,
): Promise<OpenJob> {
  const model = await openJobModel(surroundings, job, reference);
  return openDescribed(surroundings, { job, model, source: await openSource(job.source) });
}

/** Opens what a described job works with. */
export async function openDescribed(
  { settings, say, onTokens, metrics, log }: JobSurroundings,
  described: DescribedJob,
): Promise<OpenJob> {
  const { job, model, source } = described;
  const lease = await lockPlaces(job);
  const tracing = await openTracing(settings, say);
  const observers = { log, metrics, tracing };
  const trace = traceJob(jobIdOf(job), tracing);
  const sink = openSink(job, settings, observers);
  try {
    const store = await sink.open(storeSchema(job));
    const encoder = await openEncoder(model, settings, { say, metrics });
    const known = await openKnownVectors(model, settings);
    const limits = workLimitsFor(settings, defaultWorkLimits);
    const splitter = openSplitter(job, model, { store, say, isDryRun: false, limits, metrics });
    const context = {
      blobs: guardedBlobs(await openBlobs(job.work), lease.check),
      source,
      sink: guardedSink(sink, lease.check),
      store,
      encoder,
      known,
      splitter,
      limits,
      onTokens,
    };
    const steps = createSteps(async () => observedEncoding(context, observers));
    await rememberJob(await openBlobs(settings.work), job);
    const close = async () => {
      await Promise.all([encoder.close(), splitter.close()]);
      await Promise.all([sink.close(), known.close()]);
      await lease.release();
      await trace.end();
    };
    return {
      job,
      storeOptions: storeOptions(settings),
      model,
      encoder,
      observe: (reindex) => trace.reindex(observedReindex(reindex, observers)),
      steps: trace.embed(observedSteps(steps, observers)),
      close,
    };
  } catch (error) {
    await sink.close();
    await lease.release();
    await tracing?.close();
    throw error;
  }
}

/** The sink of a job's store. Nothing is touched before it is opened. */
export function openSink({ store, collection }: Job, settings: Settings, observers: Observers): Sink {
  const onRetry = (reason: RetryReason) => observers.metrics?.count("millrace_sink_retries_total", { reason });
  const sink = createSink(store, { ...storeOptions(settings), collection, onRetry });
  return observedSink(sink, parseStoreUri(store).driver, observers);
}

/** A store in a folder has one writer; one that is no folder here cannot be locked. @returns what unlocks it */
export async function lockStore(store: string): Promise<() => Promise<void>> {
  const folder = storeFolder(store);
  return folder === undefined ? async () => {} : lockFolder(folder);
}

/** Work folder and store have one writer each. */
async function lockPlaces({ work, store }: Job): Promise<Lease> {
  const lease = await leaseWorkFolder(work);
  try {
    const unlockStore = await lockStore(store);
    return { ...lease, release: async () => void (await Promise.all([lease.release(), unlockStore()])) };
  } catch (error) {
    await lease.release();
    throw error;
  }
}

export interface SplitterChoice {
  readonly store: string;
  readonly say: Say;
  readonly isDryRun: boolean;
  readonly limits: WorkLimits;
  readonly metrics?: Metrics | undefined;
}

/** Splits in a process of its own. */
export function openSplitter(
  job: Job,
  { compiled }: OpenModel,
  { store, say, isDryRun, limits, metrics }: SplitterChoice,
): HostSplitter {
  return new HostSplitter({
    job,
    store,
    tokenizerPath: compiled.tokenizerPath,
    hasSpecialTokens: compiled.hasSpecialTokens,
    isDryRun,
    limits,
    onRestart: (reason) => {
      metrics?.count("millrace_host_restarts_total", { host: "splitter" });
      say(`${reason}; the shard is read again`);
    },
  });
}
