import { type Job, layout, MillraceError, meanScores, type ReindexOptions, type ReindexSteps } from "@millrace/core";
import {
  createGenerations,
  createPromotionSteps,
  createQualitySteps,
  createSearcher,
  generationName,
  type JudgedQueries,
  jobIdOf,
  openBlobs,
  packJudged,
  putBlob,
  replaceableGeneration,
  scoreQueries,
  storeWithGeneration,
} from "@millrace/workers";
import { openJudgedQueries } from "../beir.js";
import type { Settings } from "../config/settings.js";
import type { LoadedSettings } from "../config.js";
import type { JobQuery } from "./choose-jobs.js";
import { type DescribedJob, describeJob, openLocation, workOf } from "./described-job.js";
import { inheritSettings } from "./inherit-settings.js";
import { type JobSurroundings, type OpenJob, openDescribed } from "./job.js";
import { openEncoder, openJobModel, queryTokenizer, type Say, storeOptions } from "./model.js";
import { findJob } from "./stored-jobs.js";

export interface ReindexRequest extends Omit<JobSurroundings, "settings"> {
  readonly loaded: LoadedSettings;
  readonly query: JobQuery;
}

/** A store that is to be filled anew beside what it answers from. */
export interface DescribedReindex extends DescribedJob {
  /** Of the job whose store it is. */
  readonly id: string;
  /** Of the job that fills the new generation. */
  readonly fillingId: string;
  /** The settings that were given, and those of the job before. */
  readonly settings: Settings;
  /** What answers searches until the new generation does. */
  readonly live: { readonly job: Job; readonly generation: string };
  readonly generation: string;
}

/** Describes the job as it was, with the settings that are given now and a generation of its own to fill. */
export async function describeReindex({ loaded, query, say, onTokens }: ReindexRequest): Promise<DescribedReindex> {
  const { id, job: before } = await findJob(loaded.settings.work, query);
  const settings = inheritSettings(loaded, before);
  const generations = createGenerations(before.store, storeOptions(settings));
  const { name } = await replaceableGeneration(generations, before.store).finally(() => generations.close());
  const request = {
    settings: { ...settings, store: before.store },
    location: before.source.location,
    standardInput: noInput(),
    say,
    onTokens,
  };
  const { job, ...described } = await describeJob(request, await openLocation(request, settings.work));
  const isSame = job.fingerprint === before.fingerprint && settings.generation === undefined;
  const generation = isSame ? name : (settings.generation ?? generationName(job.fingerprint));
  const store = storeWithGeneration(before.store, generation);
  const work = await workOf(settings.work, { corpus: job.corpus, store });
  const filling = { ...job, store, work };
  const live = { job: before, generation: name };
  return { ...described, job: filling, id, fillingId: jobIdOf(filling), settings, live, generation };
}

/** A reindex, ready to run. */
export interface OpenReindex extends DescribedReindex {
  readonly open: OpenJob;
  readonly steps: ReindexSteps;
  readonly options: ReindexOptions;
  close(): Promise<void>;
}

/**
 * Opens what a reindex works with.
 * @returns what it found alone, where the live generation is the one that would be filled: then there is nothing to do
 */
export async function openReindex(request: ReindexRequest): Promise<OpenReindex | DescribedReindex> {
  const { say, onTokens, metrics, log } = request;
  const reindex = await describeReindex(request);
  const { settings, job, generation, live } = reindex;
  if (generation === live.generation) return reindex;
  const open = await openDescribed({ settings, say, onTokens, metrics, log }, reindex);
  const options = storeOptions(settings);
  const searcher = createSearcher(job.store, options);
  const generations = createGenerations(job.store, options);
  const close = async () => {
    await Promise.all([searcher.close(), generations.close()]);
    await open.close();
  };
  try {
    const blobs = await openBlobs(job.work);
    const model = { tokenizer: open.model.tokenizer, encoder: open.encoder };
    const root = await openBlobs(settings.work);
    const steps = open.observe({
      ...createQualitySteps(async () => ({
        blobs,
        searcher,
        model,
        queryTokenizer: (prompt) => queryTokenizer(reindex.model, prompt),
      })),
      ...createPromotionSteps(async () => ({ root, generations })),
    });
    return { ...reindex, open, steps, options: await reindexOptions(reindex, say), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the new generation has to reach; judged queries are kept in its work folder, where whoever judges finds them. */
export async function reindexOptions(reindex: DescribedReindex, say: Say): Promise<ReindexOptions> {
  const { settings, job } = reindex;
  const { minRecall, evalSet, recallSample, sample, maxQuarantined, keepGenerations: keep, queryPrompt } = settings;
  const counts = { recallSample, sample, maxQuarantined, keep, seed: Date.now() };
  if (evalSet === undefined) {
    if (settings.minNdcg === undefined) return { gate: { minRecall }, ...counts };
    throw new MillraceError("E_USAGE", "--min-ndcg needs judged queries", { fix: "Name them with --eval-set." });
  }
  const queries = await openJudgedQueries(evalSet);
  const minNdcg = settings.minNdcg ?? (await liveNdcg(reindex, queries, say));
  const judged = await putBlob(await openBlobs(job.work), layout.judgedQueries, packJudged(queries));
  return { gate: { minRecall, minNdcg }, judged, ...(queryPrompt === undefined ? {} : { queryPrompt }), ...counts };
}

/** nDCG@10 of what answers now, with the model it was filled with. */
async function liveNdcg({ live, settings }: DescribedReindex, judged: JudgedQueries, say: Say): Promise<number> {
  const model = await openJobModel({ settings, say }, live.job);
  const device = live.job.model.precision === "fp16" ? settings.device : "cpu";
  const encoder = await openEncoder(model, { ...settings, device, hosts: 1 }, { say });
  const searcher = createSearcher(live.job.store, storeOptions(settings));
  try {
    const tokenizer = await queryTokenizer(model, settings.queryPrompt);
    const scores = await scoreQueries(searcher, judged, { tokenizer, encoder });
    return meanScores(scores).ndcgAt10;
  } finally {
    await Promise.all([encoder.close(), searcher.close()]);
  }
}

/** A corpus that came by standard input cannot be read again. */
async function* noInput(): AsyncGenerator<Uint8Array> {}
