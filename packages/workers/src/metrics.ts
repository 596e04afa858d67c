import { type ErrorCode, errorTable } from "@millrace/core";
import { storeDrivers } from "./sinks/create.js";

/** What a metric is, in Prometheus' words. */
export interface MetricFacts {
  readonly type: "counter" | "gauge" | "histogram";
  /** One sentence. */
  readonly help: string;
  /**
   * Each label with all the values it can have, which are there from the start, at 0; `any` where they are known at run time
   * only. Such are few: devices, versions, and the jobs that one process works on.
   */
  readonly labels: Readonly<Record<string, readonly string[] | "any">>;
  /** Upper bounds of a histogram's buckets, in the unit of its name. */
  readonly buckets?: readonly number[];
}

const stages = ["plan", "split", "encode", "generate", "write", "commit", "verify", "judge", "promote"] as const;
export type Stage = (typeof stages)[number];
const errorCodes = Object.keys(errorTable) as readonly ErrorCode[];
/** True for what costs a row, a chunk or an object, and not the job. */
export const isRowCode = (code: ErrorCode): boolean => errorTable[code].scope !== "job";
const rowCodes = errorCodes.filter(isRowCode);

/** From a millisecond to five minutes. */
const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] as const;

/**
 * Every metric there is. Names end in their unit; counters in `_total`. They are stable: one that is renamed stays under its
 * old name for a minor version. Counters hold what this process did; a step that is done again counts again.
 *
 * A fault is counted once, where it was felt: what ended a step in `errors`, what cost a row in `quarantined_rows`, an object that
 * changed in `objects_changed_while_read`, a process that died in `host_restarts`, a request that was repeated in `sink_retries`.
 * Labels called `outcome` say of the same work how it ended.
 */
export const metricTable = {
  millrace_build_info: {
    type: "gauge",
    help: "1, with the versions of what runs.",
    labels: { version: "any", node: "any" },
  },
  millrace_model_info: {
    type: "gauge",
    help: "1, with the model that is loaded and what it runs on.",
    labels: { model: "any", precision: "any", device: "any", provider: "any", dimensions: "any" },
  },

  millrace_objects_total: {
    type: "counter",
    help: "Objects of the source that were planned.",
    labels: { outcome: ["new", "changed", "unchanged", "removed"] },
  },
  millrace_source_bytes_total: { type: "counter", help: "Stored bytes of the source that were read.", labels: {} },
  millrace_documents_total: {
    type: "counter",
    help: "Documents that were read.",
    labels: { outcome: ["changed", "unchanged", "empty"] },
  },
  millrace_chunks_total: {
    type: "counter",
    help: "Chunks by what became of them: encoded, not encoded since an equal text's vector was known, or in quarantine.",
    labels: { outcome: ["encoded", "reused", "quarantined"] },
  },
  millrace_tokens_total: {
    type: "counter",
    help: "Tokens that engines computed.",
    labels: { kind: ["real", "padding"] },
  },
  millrace_batches_total: {
    type: "counter",
    help: "Batches that were encoded, or given up by the step that should have.",
    labels: { outcome: ["encoded", "failed"] },
  },
  millrace_stage_rows_total: {
    type: "counter",
    help: "Objects planned; chunks split, encoded and written, or prompts split, answered and written: the stage with the lowest rate is the bottleneck.",
    labels: { stage: ["plan", "split", "encode", "generate", "write"] },
  },
  millrace_stage_duration_seconds: {
    type: "histogram",
    help: "Time of one call of a step.",
    labels: { stage: stages },
    buckets: seconds,
  },
  millrace_stage_running: { type: "gauge", help: "Calls of a step that are under way.", labels: { stage: stages } },
  millrace_errors_total: {
    type: "counter",
    help: "Steps that failed, by the code of the error.",
    labels: { code: errorCodes },
  },
  millrace_steps_cancelled_total: {
    type: "counter",
    help: "Steps that were given up since their job or this process was told to stop.",
    labels: { stage: stages },
  },
  millrace_objects_changed_while_read_total: {
    type: "counter",
    help: "Objects that were no longer what was planned when they were read; another pass takes them up.",
    labels: {},
  },
  millrace_quarantined_rows_total: {
    type: "counter",
    help: "Rows, chunks and objects that went to quarantine, by the code of the reason.",
    labels: { code: rowCodes },
  },

  millrace_engine_runs_total: {
    type: "counter",
    help: "Engine runs by how they ended.",
    labels: { outcome: ["done", "failed", "cancelled", "host_died"] },
  },
  millrace_engine_run_tokens: {
    type: "histogram",
    help: "Tokens of one engine run.",
    labels: {},
    buckets: [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536],
  },
  millrace_engine_run_duration_seconds: {
    type: "histogram",
    help: "Time from a run's way to its host to its answer.",
    labels: {},
    buckets: seconds,
  },
  millrace_engine_queue_depth: { type: "gauge", help: "Runs that wait for a host.", labels: {} },
  millrace_engine_queue_wait_seconds: {
    type: "histogram",
    help: "Time that a run waited for a host.",
    labels: {},
    buckets: seconds,
  },
  millrace_device_lanes: { type: "gauge", help: "Runs a device computes at the same time.", labels: { device: "any" } },
  millrace_device_busy_seconds_total: {
    type: "counter",
    help: "Time that a device's lanes had a run, summed over them.",
    labels: { device: "any" },
  },
  millrace_device_idle_seconds_total: {
    type: "counter",
    help: "Time that a device's lanes had none, summed over them, since nothing was to be encoded or their host was starting.",
    labels: { device: "any", reason: ["no_input", "starting"] },
  },
  millrace_gpu_memory_bytes: {
    type: "gauge",
    help: "Memory of a GPU that all processes and the driver take, and what there is.",
    labels: { device: "any", kind: ["used", "total"] },
  },
  millrace_gpu_utilization_ratio: {
    type: "gauge",
    help: "Share of the last moments in which a GPU ran a kernel.",
    labels: { device: "any" },
  },
  millrace_gpu_power_watts: { type: "gauge", help: "What a GPU draws.", labels: { device: "any" } },
  millrace_host_restarts_total: {
    type: "counter",
    help: "Host processes that ended unasked and were replaced.",
    labels: { host: ["encoder", "generator", "splitter"] },
  },

  millrace_prompts_total: {
    type: "counter",
    help: "Prompts of batches that are done, by whether they have an answer or the reason why there is none.",
    labels: { outcome: ["answered", "failed"] },
  },
  millrace_answers_total: {
    type: "counter",
    help: "Answers that were asked of generators, by how they ended: at a stop, at the longest that was allowed, or without one.",
    labels: { outcome: ["stop", "length", "refused", "failed", "cancelled"] },
  },
  millrace_answer_duration_seconds: {
    type: "histogram",
    help: "Time from asking a generator to its answer, waiting for a place among the rows included.",
    labels: {},
    buckets: seconds,
  },
  millrace_generator_tokens_total: {
    type: "counter",
    help: "Tokens of prompts that were answered, those of prompts that were read, which are fewer where prompts begin alike, and those that were generated.",
    labels: { kind: ["prompt", "read", "generated"] },
  },
  millrace_generator_requests: { type: "gauge", help: "Answers that are asked for and not given.", labels: {} },
  millrace_generator_queue_wait_seconds: {
    type: "histogram",
    help: "Time that an answer waited before the generator's host had it.",
    labels: {},
    buckets: seconds,
  },
  millrace_generator_rows: { type: "gauge", help: "Answers that get a token in each run.", labels: {} },
  millrace_generator_cache_bytes: {
    type: "gauge",
    help: "Memory that keys and values of answers under way take, and what they may take.",
    labels: { kind: ["used", "planned"] },
  },
  millrace_generator_run_duration_seconds: {
    type: "histogram",
    help: "Time of one run: of a piece of a prompt, or of a token for each row.",
    labels: { kind: ["prefill", "decode"] },
    buckets: seconds,
  },

  millrace_sink_calls_total: {
    type: "counter",
    help: "Calls to the store, retries not counted, by how they ended.",
    labels: { driver: storeDrivers, operation: ["upsert", "delete"], outcome: ["done", "failed"] },
  },
  millrace_sink_call_duration_seconds: {
    type: "histogram",
    help: "Time of one call to the store, retries included.",
    labels: { operation: ["upsert", "delete"] },
    buckets: seconds,
  },
  millrace_sink_points_total: {
    type: "counter",
    help: "Points the store acknowledged.",
    labels: { operation: ["upsert", "delete"] },
  },
  millrace_sink_retries_total: {
    type: "counter",
    help: "Requests to the store that were repeated, by why.",
    labels: { reason: ["rate_limited", "server_error", "no_answer"] },
  },

  millrace_job_running: { type: "gauge", help: "Jobs that this process works off by itself.", labels: {} },
  millrace_job_progress_ratio: {
    type: "gauge",
    help: "Share of this process' own job that is done, in tokens or prompts, estimated until all is read.",
    labels: {},
  },
  millrace_job_remaining_seconds: {
    type: "gauge",
    help: "Time that is left to this process' own job, by the slower of its paces since the beginning and lately; 0 where it cannot be said.",
    labels: {},
  },
  millrace_job_last_success_timestamp_seconds: {
    type: "gauge",
    help: "When a job was last committed, in seconds since 1970.",
    labels: { job_id: "any" },
  },
  millrace_job_points: { type: "gauge", help: "Points of a job at its last commit.", labels: { job_id: "any" } },
  millrace_corpus_oldest_change_timestamp_seconds: {
    type: "gauge",
    help: "When the oldest change was made that a job has planned and not committed; 0 where there is none.",
    labels: { job_id: "any" },
  },

  millrace_event_loop_delay_seconds: {
    type: "gauge",
    help: "How late the event loop came to its timers since the last scrape.",
    labels: { at: ["median", "p99", "maximum"] },
  },
} as const satisfies Readonly<Record<`millrace_${string}`, MetricFacts>>;

export type MetricName = keyof typeof metricTable;
