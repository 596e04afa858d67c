import { type BlobStore, type GenerateJob, MillraceError } from "@millrace/core";
import {
  type AnswerContext,
  blobJournals,
  createAnswerSteps,
  createContextPool,
  createPromptMaker,
  createPromptSteps,
  fleetGenerateLimits,
  guardedBlobs,
  joinWorkFolder,
  type Lease,
  openBlobs,
  openSource,
  type PromptContext,
  type StepControl,
} from "@millrace/workers";
import type { GenerateActivities } from "@millrace/workflows";
import type { Settings } from "../config/settings.js";
import { openEmbedding } from "./answerers.js";
import { bringGenerator, openPool } from "./generator.js";
import type { Say } from "./model.js";
import { type Observers, observedAnswering, observedGeneration } from "./observed.js";

/** Steps of generation jobs as one queue's activities. */
export interface OpenGenerateSteps<Names extends keyof GenerateActivities> {
  readonly stepsFor: (control: StepControl) => Pick<GenerateActivities, Names>;
  close(): Promise<void>;
}

export interface GenerateSurroundings {
  readonly settings: Settings;
  readonly say: Say;
  readonly observers: Observers;
  readonly idleMilliseconds: number;
}

/** Reading prompts and writing answers, whatever the model: it is brought for its tokenizer. */
export function openPromptSteps({
  settings,
  say,
  observers,
  idleMilliseconds,
}: GenerateSurroundings): OpenGenerateSteps<"planPrompts" | "splitPrompts" | "writeAnswers" | "commitAnswers"> {
  const pool = createContextPool<Leased<PromptContext>, GenerateJob>({
    nameOf: JSON.stringify,
    open: async (job) => {
      const { reference: model, precision } = job.model;
      const { compiled } = await bringGenerator({ ...settings, model, precision }, say);
      const [prompts, source] = [await createPromptMaker(compiled, job.prompts), await openSource(job.source)];
      const limits = withRows(settings.batchSize);
      return { context: { ...(await joinJob(job)), prompts, source, limits }, close: async () => {} };
    },
    idleMilliseconds,
  });
  const stepsOf = async (job: GenerateJob, control: StepControl) => {
    const context = await pool.of(job);
    return observedGeneration(createPromptSteps({ ...context, blobs: guarded(context, control) }), observers);
  };
  return {
    stepsFor: (control) => ({
      planPrompts: async (job, page) => {
        await (await pool.of(job)).lease.confirm();
        return (await stepsOf(job, control)).plan(job, page);
      },
      splitPrompts: async (job, shard) => (await stepsOf(job, control)).split(job, shard),
      writeAnswers: async (job, texts) => (await stepsOf(job, control)).write(job, texts),
      commitAnswers: async (job) => {
        const summary = await (await stepsOf(job, control)).commit(job);
        await (await pool.of(job)).lease.release();
        await pool.release(job);
        return summary;
      },
    }),
    close: pool.close,
  };
}

function withRows(rows = fleetGenerateLimits.batch.rows) {
  return { ...fleetGenerateLimits, batch: { ...fleetGenerateLimits.batch, rows } };
}

/** Answering with the model that the settings name, which serves all jobs of it. */
export async function openAnswerSteps({
  settings,
  say,
  observers,
  idleMilliseconds,
}: GenerateSurroundings): Promise<OpenGenerateSteps<"answerPrompts"> & { readonly graph: string }> {
  const { compiled } = await bringGenerator(settings, say);
  const generator = openPool({ settings, say, metrics: observers.metrics }, compiled);
  const pool = createContextPool<Leased<AnswerContext>, GenerateJob>({
    nameOf: JSON.stringify,
    open: async (job) => {
      if (job.model.graph !== compiled.graphDigest) throw otherModel(job.model.reference);
      const embedding = await openEmbedding({ ...settings, embeddingModel: job.embedding?.reference }, say);
      if (embedding?.graph !== job.embedding?.graph) throw otherModel(job.embedding?.reference ?? "");
      const joined = await joinJob(job);
      const openJournal = blobJournals(guarded(joined, {}));
      const context = { ...joined, openJournal, generator, ...(embedding && { encoding: embedding }) };
      return { context: observedAnswering(context, observers), close: async () => embedding?.encoder.close() };
    },
    idleMilliseconds,
  });
  return {
    graph: compiled.graphDigest,
    stepsFor: (control) => ({
      answerPrompts: async (job, batch) => {
        const context = await pool.of(job);
        const { signal: stop } = control;
        const steps = createAnswerSteps({ ...context, blobs: guarded(context, control), ...(stop && { stop }) });
        return observedGeneration(steps, observers).generate(job, batch);
      },
    }),
    close: async () => {
      await pool.close();
      await generator.close();
    },
  };
}

/** What steps of a job work with, and its hold on the work folder. */
export type Leased<Context> = Context & { readonly lease: Lease };

/** The work folder of a job, which all workers of a server share. */
async function joinJob({ work }: GenerateJob): Promise<{ readonly lease: Lease; readonly blobs: BlobStore }> {
  return { lease: await joinWorkFolder(work), blobs: await openBlobs(work) };
}

/** Written while the job is the workers', and the step is wanted. */
function guarded({ blobs, lease }: Leased<{ readonly blobs: BlobStore }>, { signal }: StepControl): BlobStore {
  return guardedBlobs(blobs, async () => {
    signal?.throwIfAborted();
    await lease.check();
  });
}

function otherModel(reference: string): MillraceError {
  return new MillraceError("E_MODEL_DIGEST", `${reference} is another model here than where the job was started`, {
    fix: "Bring the same revision to every machine.",
  });
}
