import type { ErrorCode, Job, ReindexSteps, Steps } from "@millrace/core";
import { jobIdOf } from "../jobs/places.js";
import type { Stage } from "../metrics.js";
import { type Around, aroundReindexSteps, aroundSteps } from "../steps/around-steps.js";
import { asStepError, isCancellation } from "../steps/step-error.js";
import type { Metrics } from "./metrics.js";

/** The same steps, counted and timed. Takes any part of them, as a worker's queues have. */
export function meteredSteps<Part extends Partial<Steps>>(steps: Part, metrics: Metrics): Part {
  const counted: Partial<Steps> = {
    ...(steps.plan && { plan: countPlanned(steps.plan, metrics) }),
    ...(steps.split && { split: countSplit(steps.split, metrics) }),
    ...(steps.encode && { encode: countEncoded(steps.encode, metrics) }),
    ...(steps.write && { write: countWritten(steps.write, metrics) }),
    ...(steps.commit && { commit: countCommitted(steps.commit, metrics) }),
  };
  return aroundSteps({ ...steps, ...counted }, timing(metrics));
}

/** The same of the steps after a reindex' filling. */
export function meteredReindexSteps<Part extends Partial<ReindexSteps>>(steps: Part, metrics: Metrics): Part {
  return aroundReindexSteps(steps, timing(metrics));
}

/** Counts the calls and failures of each step, and how long it took. */
export function timing(metrics: Metrics): Around {
  return async ({ step }, work) => {
    const startedAt = performance.now();
    const stage = step as Stage;
    metrics.add("millrace_stage_running", { stage }, 1);
    try {
      return (await work()).result;
    } catch (error) {
      if (isCancellation(error)) metrics.count("millrace_steps_cancelled_total", { stage });
      else metrics.count("millrace_errors_total", { code: asStepError(error).code });
      throw error;
    } finally {
      metrics.add("millrace_stage_running", { stage }, -1);
      metrics.observe("millrace_stage_duration_seconds", { stage }, (performance.now() - startedAt) / 1000);
    }
  };
}

/** A page that an earlier run planned was counted then. */
function countPlanned(plan: Steps["plan"], metrics: Metrics): Steps["plan"] {
  return async (job, page, cursor) => {
    const planned = await plan(job, page, cursor);
    const { newObjects, changedObjects, unchangedObjects, removedObjects, oldestChange } = planned.counts;
    const changed = { job_id: nameOf(job) };
    if (page === 0 || oldestChange !== undefined)
      metrics.set("millrace_corpus_oldest_change_timestamp_seconds", changed, (oldestChange ?? 0) / 1000);
    if (planned.isResumed) return planned;
    metrics.count("millrace_objects_total", { outcome: "new" }, newObjects);
    metrics.count("millrace_objects_total", { outcome: "changed" }, changedObjects);
    metrics.count("millrace_objects_total", { outcome: "unchanged" }, unchangedObjects);
    metrics.count("millrace_objects_total", { outcome: "removed" }, removedObjects);
    metrics.count("millrace_stage_rows_total", { stage: "plan" }, newObjects + changedObjects);
    return planned;
  };
}

function countSplit(split: Steps["split"], metrics: Metrics): Steps["split"] {
  return async (job, shard) => {
    const result = await split(job, shard);
    if (result.isDone) return result;
    const { documents, unchangedDocuments, emptyDocuments, chunks, bytes, changedObjects } = result.counts;
    metrics.count("millrace_documents_total", { outcome: "unchanged" }, unchangedDocuments);
    metrics.count("millrace_documents_total", { outcome: "empty" }, emptyDocuments);
    const changed = documents - unchangedDocuments - emptyDocuments;
    metrics.count("millrace_documents_total", { outcome: "changed" }, changed);
    metrics.count("millrace_source_bytes_total", {}, bytes);
    metrics.count("millrace_objects_changed_while_read_total", {}, changedObjects);
    metrics.count("millrace_stage_rows_total", { stage: "split" }, chunks);
    for (const [code, rows] of Object.entries(result.reasons ?? {})) {
      metrics.count("millrace_quarantined_rows_total", { code: code as ErrorCode }, rows);
    }
    return result;
  };
}

function countEncoded(encode: Steps["encode"], metrics: Metrics): Steps["encode"] {
  return async (job, batches) => {
    const encoded = await encode(job, batches).catch((error: unknown) => {
      metrics.count("millrace_batches_total", { outcome: "failed" }, batches.length);
      throw error;
    });
    for (const { points, quarantined, reused } of encoded) {
      metrics.count("millrace_batches_total", { outcome: "encoded" });
      const known = reused?.chunks ?? 0;
      metrics.count("millrace_chunks_total", { outcome: "reused" }, known);
      metrics.count("millrace_chunks_total", { outcome: "encoded" }, points - known);
      metrics.count("millrace_chunks_total", { outcome: "quarantined" }, quarantined);
      metrics.count("millrace_quarantined_rows_total", { code: "E_ROW_ENCODE" }, quarantined);
      metrics.count("millrace_stage_rows_total", { stage: "encode" }, points);
    }
    return encoded;
  };
}

function countWritten(write: Steps["write"], metrics: Metrics): Steps["write"] {
  return async (job, shard, vectors) => {
    const receipts = await write(job, shard, vectors);
    for (const { points } of receipts) metrics.count("millrace_stage_rows_total", { stage: "write" }, points);
    return receipts;
  };
}

function countCommitted(commit: Steps["commit"], metrics: Metrics): Steps["commit"] {
  return async (job) => {
    const summary = await commit(job);
    const label = { job_id: nameOf(job) };
    metrics.set("millrace_job_last_success_timestamp_seconds", label, Date.now() / 1000);
    metrics.set("millrace_job_points", label, summary.points);
    metrics.set("millrace_corpus_oldest_change_timestamp_seconds", label, 0);
    return summary;
  };
}

/** A process works on as many jobs as it is given, which is few. */
function nameOf(job: Job): string {
  return jobIdOf(job);
}
