import { fileURLToPath } from "node:url";
import { type BatchRef, type Job, type Log, storeSchema } from "@millrace/core";
import {
  bundleWorkflows,
  type ContextPool,
  createContextPool,
  createEncodeSteps,
  createGenerations,
  createIoSteps,
  createPromotionSteps,
  createQualitySteps,
  createSearcher,
  type EncodeContext,
  fleetWorkLimits,
  guardedBlobs,
  guardedSink,
  type IoContext,
  type IoSteps,
  joinWorkFolder,
  type LazyEncoder,
  type OpenContext,
  openBlobs,
  openSource,
  type PromotionSteps,
  type QualityContext,
  type QueueToPoll,
  runWorkers,
  type StepControl,
  withPrompt,
  workflowsDigest,
  workRoot,
} from "@millrace/workers";
import { encodeQueue, generateQueue, ioQueue, orchestrateQueue } from "@millrace/workflows";
import type { Settings } from "../config/settings.js";
import { version } from "../version.js";
import { deviceKind, workLimitsFor } from "./device.js";
import { lockStore, openSink, openSplitter } from "./job.js";
import type { OpenMetrics } from "./metrics.js";
import {
  checkModel,
  type OpenModel,
  openEncoder,
  openJobModel,
  openKnownVectors,
  openModel,
  queryTokenizer,
  type Say,
  storeOptions,
} from "./model.js";
import { type Observers, observedEncoding, observedReindex, observedSteps, openTracing } from "./observed.js";
import { temporalPlace } from "./temporal-place.js";
import { type Leased, openAnswerSteps, openPromptSteps } from "./worker-generate.js";

export interface WorkerRequest {
  readonly settings: Settings;
  readonly say: Say;
  /** Called as a batch's encoding begins; a batch that was encoded before is not encoded again. */
  readonly onBatch: (batch: BatchRef) => void;
  /** Who hears what this process does, where somebody does. */
  readonly watching: OpenMetrics | undefined;
  readonly log: Log;
  /** Strikes out secrets of what others hear: failures travel to the server. */
  readonly redact: (text: string) => string;
  readonly stop: AbortSignal;
}

/** Takes work from the queues until told to stop, then finishes what is under way. */
export async function runWorker(request: WorkerRequest): Promise<void> {
  const { settings, say, watching, log, redact, stop } = request;
  const tracing = await openTracing(settings, say);
  const observers = { log, metrics: watching?.metrics, tracing };
  const work = await openQueues({ ...request, observers });
  try {
    await runWorkers({
      ...temporalPlace(settings),
      queues: work.queues,
      ...(await workerVersion(settings, say)),
      stop,
      log,
      redact,
      tracing,
      graceMilliseconds,
      ...(watching && { onMetrics: watching.join }),
      onReady: () => {
        watching?.ready();
        say(`taking work from ${work.queues.map(({ queue }) => queue).join(", ")}`);
      },
    });
  } finally {
    await work.close();
    await tracing?.close();
  }
}

const workflowsPath = fileURLToPath(import.meta.resolve("@millrace/workflows/temporal"));

/** Which build of its deployment the worker is; by default named by what decides whether jobs of one can go on with another. */
async function workerVersion({ deployment, buildId }: Settings, say: Say) {
  if (deployment === undefined) return {};
  const build = buildId ?? `${version}-${await workflowsDigest(workflowsPath)}`;
  say(`build ${build} of the deployment ${deployment}`);
  return { version: { deployment, buildId: build } };
}

/** A batch takes seconds; a long object's split may take minutes, and is begun again elsewhere if it takes longer. */
const graceMilliseconds = 60_000;

/** Longer than any step takes. */
const idleMilliseconds = 3 * 3_600_000;

interface OpenQueues {
  readonly queues: readonly QueueToPoll[];
  close(): Promise<void>;
}

interface QueuesRequest extends Pick<WorkerRequest, "settings" | "say" | "onBatch"> {
  readonly observers: Observers;
}

async function openQueues({ settings, say, onBatch, observers }: QueuesRequest): Promise<OpenQueues> {
  const { metrics } = observers;
  const queues: QueueToPoll[] = [];
  const closers: (() => Promise<void>)[] = [];
  const atOnce = settings.concurrency;
  if (settings.queues.includes("orchestrate")) {
    const bundlePath = await bundleWorkflows({
      workflowsPath,
      cacheDirectory: settings.cacheDirectory,
      isEncrypted: settings.temporalKey.length > 0,
    });
    queues.push({ queue: orchestrateQueue, bundlePath });
  }
  if (settings.queues.includes("io")) {
    const open = (job: Job) => openIo(job, { settings, say, observers });
    const pool = createContextPool<Leased<IoContext>>({ nameOf, open, idleMilliseconds });
    closers.push(pool.close);
    const promotion = promotionSteps(settings);
    const prompts = openPromptSteps({ settings, say, observers, idleMilliseconds });
    closers.push(prompts.close);
    const stepsFor = (control: StepControl) => ({
      ...observedSteps(leasedIoSteps(pool, control), observers),
      ...observedReindex(promotion, observers),
      ...prompts.stepsFor(control),
    });
    queues.push({ queue: ioQueue, stepsFor, atOnce });
  }
  if (settings.queues.includes("encode")) {
    const model = await openModel(settings, settings.model, say);
    const encoder = await openEncoder(model, settings, { say, metrics });
    const known = await openKnownVectors(model, { ...settings, full: false });
    const announced = <Result>(batch: BatchRef, encodeBatch: () => Promise<Result>) => {
      onBatch(batch);
      return encodeBatch();
    };
    const open = async (job: Job): Promise<OpenContext<EncodeContext>> => {
      checkModel(job, model);
      const { check } = await joinWorkFolder(job.work);
      const blobs = guardedBlobs(await openBlobs(job.work), check);
      const context: EncodeContext = { blobs, encoder, known, aroundBatch: announced };
      return { context: observedEncoding(context, observers), close: async () => {} };
    };
    const pool = createContextPool<EncodeContext>({ nameOf, open, idleMilliseconds });
    const openQuality = (job: Job) => openStored(job, { settings, model, encoder });
    const quality = createContextPool({ nameOf, open: openQuality, idleMilliseconds });
    closers.push(
      pool.close,
      quality.close,
      () => encoder.close(),
      () => known.close(),
    );
    const spec = { graph: model.compiled.graphDigest, precision: model.compiled.precision };
    const stepsFor = (control: StepControl) => ({
      ...observedSteps(createEncodeSteps(pool.of, control), observers),
      ...observedReindex(createQualitySteps(quality.of), observers),
    });
    queues.push({ queue: encodeQueue(spec, deviceKind(settings)), stepsFor, atOnce });
  }
  if (settings.queues.includes("generate")) {
    const { graph, stepsFor, close } = await openAnswerSteps({ settings, say, observers, idleMilliseconds });
    closers.push(close);
    queues.push({ queue: generateQueue(graph, deviceKind(settings)), stepsFor, atOnce });
  }
  return {
    queues,
    close: async () => {
      for (const close of closers) await close();
    },
  };
}

/** The store that a job has filled, to be judged with the model it was filled with. */
async function openStored(
  job: Job,
  {
    settings,
    model,
    encoder,
  }: { readonly settings: Settings; readonly model: OpenModel; readonly encoder: LazyEncoder },
): Promise<OpenContext<QualityContext>> {
  checkModel(job, model);
  const tokenizer = await withPrompt(model.tokenizer, job.model.prompt ?? "");
  const searcher = createSearcher(job.store, storeOptions(settings));
  const context = {
    blobs: await openBlobs(job.work),
    searcher,
    model: { tokenizer, encoder },
    queryTokenizer: (prompt: string | undefined) => queryTokenizer(model, prompt),
  };
  return { context, close: () => searcher.close() };
}

/** Exchanges what a store answers from, as the one who writes to it. */
function promotionSteps(settings: Settings): PromotionSteps {
  const withGenerations = async <Result>(job: Job, work: (steps: PromotionSteps) => Promise<Result>) => {
    const unlock = await lockStore(job.store);
    const generations = createGenerations(job.store, storeOptions(settings));
    try {
      const root = await openBlobs(workRoot(job.work));
      return await work(createPromotionSteps(async () => ({ root, generations })));
    } finally {
      await generations.close();
      await unlock();
    }
  };
  return {
    promote: (job, options) => withGenerations(job, (steps) => steps.promote(job, options)),
    current: (job) => withGenerations(job, (steps) => steps.current(job)),
  };
}

/** All that the drivers of a job are made from; passes of one job differ in `full` alone, a retry in its scope. */
function nameOf({ full: _, scope: __, ...job }: Job): string {
  return JSON.stringify(job);
}

/** Each step makes sure that its job is still the workers' before it reads; a job's last step gives it back. */
function leasedIoSteps(pool: ContextPool<Leased<IoContext>>, control: StepControl): IoSteps {
  const steps = createIoSteps(async (job) => {
    const context = await pool.of(job);
    await context.lease.check();
    return context;
  }, control);
  return {
    ...steps,
    async plan(job, ...page) {
      await (await pool.of(job)).lease.confirm();
      return steps.plan(job, ...page);
    },
    async commit(job) {
      const summary = await steps.commit(job);
      await (await pool.of(job)).lease.release();
      await pool.release(job);
      return summary;
    },
  };
}

/** Brings the model the job names, for its tokenizer, and opens source, store and work folder. */
async function openIo(
  job: Job,
  { settings, say, observers }: Omit<QueuesRequest, "onBatch">,
): Promise<OpenContext<Leased<IoContext>>> {
  const model = await openJobModel({ settings, say }, job);
  const source = await openSource(job.source);
  const lease = await joinWorkFolder(job.work);
  // The one writer of a store in a folder is the one worker whose io queue serves it.
  const unlock = await lockStore(job.store);
  const sink = openSink(job, settings, observers);
  try {
    const store = await sink.open(storeSchema(job));
    const limits = workLimitsFor(settings, fleetWorkLimits);
    const splitter = openSplitter(job, model, { store, say, isDryRun: false, limits, metrics: observers.metrics });
    const close = async () => {
      await splitter.close();
      await sink.close();
      await unlock();
    };
    const guarded = {
      blobs: guardedBlobs(await openBlobs(job.work), lease.check),
      sink: guardedSink(sink, lease.check),
    };
    return { context: { ...guarded, source, store, splitter, limits, lease }, close };
  } catch (error) {
    await sink.close();
    await unlock();
    throw error;
  }
}
