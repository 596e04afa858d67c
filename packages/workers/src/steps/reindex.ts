import {
  type BlobStore,
  type Encoder,
  type GateReport,
  gateVerdict,
  type Job,
  type JobSteps,
  MillraceError,
  type Promotion,
  type ReindexOptions,
  type ReindexSteps,
  type Searcher,
  type Tokenizer,
  type VerifyReport,
  verdictOf,
} from "@millrace/core";
import { getBlob, parseJson } from "../blobs/json.js";
import { jobIdOf, workName, workPlace, workRoot } from "../jobs/places.js";
import { lastingJob, readJobRecord } from "../jobs/records.js";
import { type JudgeContext, type JudgedQueries, judge } from "./judge.js";
import { type PromoteContext, promote } from "./promote.js";
import { verify } from "./verify.js";

/** What the steps that judge a generation work with. */
export interface QualityContext {
  readonly blobs: BlobStore;
  /** Of the generation the job has filled. */
  readonly searcher: Searcher;
  /** The model it was filled with; its tokenizer as documents were cut with it. */
  readonly model: { readonly tokenizer: Tokenizer; readonly encoder: Encoder };
  /** The tokenizer for queries. @param prompt in place of the model's own */
  queryTokenizer(prompt: string | undefined): Promise<Tokenizer>;
}

export type QualitySteps = Pick<ReindexSteps, "verify" | "judge">;
export type PromotionSteps = Pick<ReindexSteps, "promote"> & JobSteps;

export function createQualitySteps(contextOf: (job: Job) => Promise<QualityContext>): QualitySteps {
  return {
    async verify(job: Job, options: ReindexOptions): Promise<VerifyReport> {
      const report = await verify(await contextOf(job), job, options);
      const error = verdictOf(report) ?? quarantineVerdict(report, options);
      if (error !== undefined) throw error;
      return report;
    },
    async judge(job: Job, options: ReindexOptions): Promise<GateReport> {
      const { gate, recallSample: sample, seed } = options;
      const context = await contextOf(job);
      const judged = await judgedWith(context, options);
      const report = await judge({ searcher: context.searcher, ...judged }, gate, { corpus: job.corpus, sample, seed });
      const error = gateVerdict(gate, report);
      if (error !== undefined) throw error;
      return report;
    },
  };
}

/** The judged queries, and the model that encodes them; nothing where the gate asks for none. */
async function judgedWith(
  { blobs, model, queryTokenizer }: QualityContext,
  { judged, queryPrompt }: ReindexOptions,
): Promise<Pick<JudgeContext, "judged" | "model">> {
  if (judged === undefined) return {};
  const tokenizer = await queryTokenizer(queryPrompt);
  const queries = unpackJudged(await getBlob(blobs, judged), judged.key);
  return { judged: queries, model: { tokenizer, encoder: model.encoder } };
}

export function createPromotionSteps(contextOf: (job: Job) => Promise<PromoteContext>): PromotionSteps {
  return {
    async promote(job: Job, { keep }: ReindexOptions): Promise<Promotion> {
      return promote(await contextOf(job), job, keep);
    },
    async current(job: Job): Promise<Job> {
      const { root } = await contextOf(job);
      const record = await readJobRecord(root, jobIdOf(job));
      if (record === undefined || workName(record.work) === workName(job.work)) return job;
      return { ...lastingJob(record), work: workPlace(workRoot(job.work), workName(record.work)) };
    },
  };
}

function quarantineVerdict(
  { quarantined }: VerifyReport,
  { maxQuarantined }: ReindexOptions,
): MillraceError | undefined {
  if (quarantined <= maxQuarantined) return undefined;
  return new MillraceError("E_QUARANTINE", `the new generation lacks ${quarantined} rows, which are in quarantine`, {
    why: `--max-quarantined allows ${maxQuarantined}`,
    fix: "Repair them or allow for them, and run reindex again.",
  });
}

/** Judged queries as they lie in a work folder. */
export function packJudged({ queries, judgements }: JudgedQueries): Uint8Array {
  const packed: PackedQuery[] = queries.map(({ id, text }) => ({ id, text, grades: [...(judgements.get(id) ?? [])] }));
  return Buffer.from(JSON.stringify(packed));
}

interface PackedQuery {
  readonly id: string;
  readonly text: string;
  readonly grades: readonly (readonly [document: string, grade: number])[];
}

function unpackJudged(bytes: Uint8Array, key: string): JudgedQueries {
  const queries = parseJson<readonly PackedQuery[]>(Buffer.from(bytes).toString("utf8"), key);
  return { queries, judgements: new Map(queries.map(({ id, grades }) => [id, new Map(grades)])) };
}
