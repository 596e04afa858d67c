import type { EngineFacts, Summary } from "@millrace/core";
import { Interrupted } from "@millrace/workflows";
import type { CommandContext } from "../command.js";
import { openRetry } from "../compose.js";
import { embedJob } from "../embed-job.js";
import { endDone, endInterrupted, goOnLine, quarantineError } from "../ending.js";
import { jobQuery, modelReference } from "../job-query.js";
import { formatCount, formatCountOf, formatDuration } from "../report/format.js";
import { createTally, type Tally } from "../tally.js";
import { type WatchedJob, watchedJob } from "../watched-job.js";

/** `millrace retry`: does again what is in quarantine, and nothing else. */
export async function run(context: CommandContext, [name]: readonly string[]): Promise<number> {
  return watchedJob(context, (watched) => retryJob(context, name, watched));
}

async function retryJob(context: CommandContext, name: string | undefined, watched: WatchedJob): Promise<number> {
  const { settings, say, stop, reporter, log } = context;
  const { metrics } = watched;
  const startedAt = performance.now();
  const tally = createTally(watched.show);
  const [query, reference] = [jobQuery(context, name), modelReference(context)];
  const request = { settings, say, log, onTokens: tally.addTokens, metrics, query, reference };
  const { id, open, waiting } = await openRetry(request);
  watched.begin(open.job.corpus);
  try {
    say(`job        ${id}: ${open.job.corpus} → ${open.job.store}`);
    const before = await waiting();
    const summary = await embedJob(open, { settings, tally, stop });
    reporter.finish();
    const remaining = await waiting();
    const milliseconds = performance.now() - startedAt;
    return showResult(context, {
      id,
      work: open.job.work,
      engine: open.encoder.engine,
      summary,
      tally,
      before,
      remaining,
      milliseconds,
    });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    return endInterrupted(context, goOnLine(context));
  } finally {
    await open.close();
  }
}

interface RetryResult {
  readonly id: string;
  readonly work: string;
  readonly engine: EngineFacts;
  readonly summary: Summary;
  readonly tally: Tally;
  /** In quarantine before, and after. */
  readonly before: number;
  readonly remaining: number;
  readonly milliseconds: number;
}

function showResult(context: CommandContext, result: RetryResult): number {
  const { settings, say } = context;
  const { id, work, engine, summary, tally, before, remaining, milliseconds } = result;
  const { objects, counts, encoded } = tally.totals();
  const healed = Math.max(0, before - remaining);
  if (before === 0) say("quarantine nothing was there");
  else {
    say(`objects    ${formatCount(objects.changedObjects)} read again`);
    if (encoded.chunks > 0) say(`encoded    ${formatCountOf(encoded.chunks - encoded.reused, "chunk")}`);
    say(`quarantine ${formatCountOf(before, "row")}: ${formatCount(healed)} healed, ${formatCount(remaining)} remain`);
  }
  const store = `${formatCountOf(summary.documents, "document")}, ${formatCountOf(summary.points, "point")}`;
  say(`store      ${store}, in ${formatDuration(milliseconds)}`);
  const fix = `Each row's reason is in ${work}/quarantine; what is gone from the source leaves it with the next index.`;
  const error = quarantineError(remaining, settings, { fix });
  return endDone(context, error, {
    job: id,
    seconds: milliseconds / 1000,
    objects,
    documents: counts,
    encoded,
    healed,
    quarantined: remaining,
    ...engine,
    store: { objects: summary.objects, documents: summary.documents, points: summary.points },
  });
}
