import type { Metrics } from "@millrace/workers";
import type { CommandContext } from "./command.js";
import { openMetrics } from "./compose.js";
import { asKnown } from "./report/errors.js";
import { type ProgressHistory, type ProgressState, readClock, remember, shareOf } from "./report/progress.js";

/** A job of this process, as whoever follows it is told of it. */
export interface WatchedJob {
  /** Where somebody is to hear of what is done. */
  readonly metrics: Metrics | undefined;
  /** Cheap: may be called for every document. */
  show(state: ProgressState): void;
  /** All is open that the job needs. @param name that its metrics are pushed under */
  begin(name: string): void;
}

/** Does a job with its metrics served, or pushed at its end, as the settings say. */
export async function watchedJob<Result>(
  context: CommandContext,
  work: (watched: WatchedJob) => Promise<Result>,
): Promise<Result> {
  const { settings, say, warn, reporter } = context;
  const watching = await openMetrics(settings, say);
  const { metrics } = watching ?? {};
  let name: string | undefined;
  const progress = metrics && followed(metrics);
  try {
    return await work({
      metrics,
      show: (state) => {
        reporter.update(state);
        progress?.(state);
      },
      begin: (begun) => {
        name = begun;
        watching?.ready();
        metrics?.set("millrace_job_running", {}, 1);
      },
    });
  } catch (error) {
    // What fails before there is a step is counted by nobody else.
    if (name === undefined) metrics?.count("millrace_errors_total", { code: asKnown(error).code });
    throw error;
  } finally {
    metrics?.set("millrace_job_running", {}, 0);
    // The job's own end counts, not whether somebody heard of it.
    await watching?.push(name ?? settings.corpus ?? "millrace").catch((error: unknown) => warn(asKnown(error)));
    await watching?.close();
  }
}

/** How far a job is and how long it will take, measured anew whenever the metrics are read. */
function followed(metrics: Metrics): (state: ProgressState) => void {
  let history: ProgressHistory | undefined;
  let latest: ProgressState | undefined;
  metrics.beforeRead(() => {
    if (history === undefined || latest === undefined) return;
    const { remainingMs = 0 } = readClock(history, { state: latest, atMs: performance.now() });
    metrics.set("millrace_job_progress_ratio", {}, shareOf(latest));
    metrics.set("millrace_job_remaining_seconds", {}, remainingMs / 1000);
  });
  return (state) => {
    history = remember(history, { state, atMs: performance.now() });
    latest = state;
  };
}
