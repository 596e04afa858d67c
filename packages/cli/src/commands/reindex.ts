import { Interrupted, reindexCorpus } from "@millrace/workflows";
import type { CommandContext } from "../command.js";
import { type DescribedReindex, openReindex, submitReindex } from "../compose.js";
import { embeddedRuntime } from "../embed-job.js";
import { endInterrupted, goOnLine } from "../ending.js";
import { jobQuery } from "../job-query.js";
import { formatDuration } from "../report/format.js";
import { reindexLines } from "../report/reindex.js";
import { createTally } from "../tally.js";
import { followJob, isDetached } from "../watch-job.js";
import { type WatchedJob, watchedJob } from "../watched-job.js";

/** `millrace reindex`: exchanges what a store answers from, once what replaces it is whole and good enough. */
export async function run(context: CommandContext, [name]: readonly string[]): Promise<number> {
  if (context.settings.on === "temporal") return runOnTemporal(context, name);
  return watchedJob(context, (watched) => runHere(context, name, watched));
}

async function runHere(context: CommandContext, name: string | undefined, watched: WatchedJob): Promise<number> {
  const { loaded, say, stop, reporter, log } = context;
  const { metrics } = watched;
  const startedAt = performance.now();
  const tally = createTally(watched.show);
  const query = jobQuery(context, name);
  const reindex = await openReindex({ loaded, say, log, onTokens: tally.addTokens, metrics, query });
  if (!("open" in reindex)) return endIdle(context, reindex);
  watched.begin(reindex.job.corpus);
  const { id, job, live, open, steps, options, settings } = reindex;
  sayBeginning(context, reindex);
  try {
    const runtime = { ...embeddedRuntime(open, { settings, tally, stop }), reindex: steps };
    const summary = await reindexCorpus(runtime, job, options);
    reporter.finish();
    const milliseconds = performance.now() - startedAt;
    for (const line of reindexLines(summary, id)) say(line);
    say(`done       in ${formatDuration(milliseconds)}`);
    reporter.event("result", {
      ok: true,
      exitCode: 0,
      job: id,
      seconds: milliseconds / 1000,
      ...summary,
      ...open.encoder.engine,
    });
    return 0;
  } catch (error) {
    reporter.finish();
    if (!(error instanceof Interrupted)) throw error;
    return endInterrupted(context, `${goOnLine(context)}\nUntil it is done, ${live.job.store} answers as before.`);
  } finally {
    await reindex.close();
  }
}

async function runOnTemporal(context: CommandContext, name: string | undefined): Promise<number> {
  const { loaded, settings, say } = context;
  isDetached(settings);
  const reindex = await submitReindex({ loaded, say, onTokens: () => {}, query: jobQuery(context, name) });
  const { jobs, fillingId: id } = reindex;
  if (jobs === undefined) return endIdle(context, reindex);
  try {
    sayBeginning(context, reindex);
    return await followJob(context, jobs, id);
  } finally {
    await jobs.close();
  }
}

function sayBeginning({ say }: CommandContext, { id, job, live, generation }: DescribedReindex): void {
  say(`job        ${id}: ${job.corpus} → ${live.job.store}`);
  say(`live       generation ${live.generation}, filled with ${live.job.model.reference}`);
  say(`filling    generation ${generation} with ${job.model.reference}`);
}

function endIdle({ say, reporter }: CommandContext, { id, job, live }: DescribedReindex): number {
  say(`job        ${id}: ${job.corpus} → ${live.job.store}`);
  say(`live       generation ${live.generation}, filled with ${live.job.model.reference}`);
  say("nothing to do: these are the settings it was filled with; --generation fills another with the same");
  reporter.event("result", { ok: true, exitCode: 0, job: id, live: live.generation });
  return 0;
}
