import type { GateReport, Job, Promotion, ReindexOptions, ReindexSteps, Summary, VerifyReport } from "@millrace/core";
import { embedCorpus } from "./embed-corpus.js";
import type { Runtime } from "./runtime.js";

/** What a reindex has come to. */
export interface ReindexSummary {
  readonly filled: Summary;
  readonly verified: VerifyReport;
  readonly judged: GateReport;
  readonly promoted: Promotion;
}

/** Needed beside what filling a store needs. */
export interface ReindexRuntime extends Runtime {
  readonly reindex: ReindexSteps;
}

/**
 * Fills a new generation of a store and lets it answer searches once it holds what it should and is as good as the gate
 * asks. Until then, and where that is not so, searches are answered from the one before. `job.store` names the generation.
 */
export async function reindexCorpus(
  runtime: ReindexRuntime,
  job: Job,
  options: ReindexOptions,
): Promise<ReindexSummary> {
  return promoteFilled(runtime, job, { options, filled: await embedCorpus(runtime, job) });
}

/** What comes after the filling. */
export async function promoteFilled(
  { reindex, checkpoint, report }: ReindexRuntime,
  job: Job,
  { options, filled }: { readonly options: ReindexOptions; readonly filled: Summary },
): Promise<ReindexSummary> {
  await checkpoint();
  report({ kind: "verifying" });
  const verified = await reindex.verify(job, options);
  await checkpoint();
  report({ kind: "judging" });
  const judged = await reindex.judge(job, options);
  await checkpoint();
  report({ kind: "promoting" });
  return { filled, verified, judged, promoted: await reindex.promote(job, options) };
}
