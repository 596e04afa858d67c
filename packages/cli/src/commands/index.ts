import { monitorEventLoopDelay } from "node:perf_hooks";
import { MillraceError, type Summary } from "@millrace/core";
import { Interrupted } from "@millrace/workflows";
import type { CommandContext } from "../command.js";
import { type OpenJob, openJob } from "../compose.js";
import { embedJob } from "../embed-job.js";
import { endDone, endInterrupted, goOnLine, quarantineError } from "../ending.js";
import { recordRate } from "../rates.js";
import { formatAge, formatCount, formatCountOf, formatDuration } from "../report/format.js";
import { ageSeconds } from "../report/freshness.js";
import { createTally, type Tally } from "../tally.js";
import { type WatchedJob, watchedJob } from "../watched-job.js";
import { runOnTemporal } from "./index-on-temporal.js";

/** `millrace index`: brings a store up to date with a source. */
export async function run(context: CommandContext, [location]: readonly string[]): Promise<number> {
  const { settings } = context;
  const source = location ?? settings.source;
  if (source === undefined) {
    throw new MillraceError("E_USAGE", "there is nothing to index", {
      fix: "Name a folder, a file or a glob, or - for standard input.",
    });
  }
  if (settings.on === "temporal") return runOnTemporal(context, source);
  return watchedJob(context, (watched) => indexHere(context, source, watched));
}

async function indexHere(context: CommandContext, location: string, watched: WatchedJob): Promise<number> {
  const { settings, say, stop, standardInput, log } = context;
  const { metrics } = watched;
  const startedAt = performance.now();
  const startedAtDate = Date.now();
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const tally = createTally(watched.show);
  const open = await openJob({ settings, location, standardInput, say, onTokens: tally.addTokens, metrics, log });
  watched.begin(open.job.corpus);
  try {
    const summary = await embedJob(open, { settings, tally, stop });
    delays.disable();
    context.reporter.finish();
    const result: IndexResult = { tally, summary, milliseconds: performance.now() - startedAt, startedAtDate, open };
    await recordRate(settings.cacheDirectory, open.model.compiled.graphDigest, tally.rate());
    const fix = `Each row's reason is in ${open.job.work}/quarantine.`;
    const error = quarantineError(tally.quarantined(), settings, { fix });
    return showResult(context, { ...result, error }, delays.percentile(99) / 1e6);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    return endInterrupted(context, goOnLine(context));
  } finally {
    await open.close();
  }
}

interface IndexResult {
  readonly tally: Tally;
  readonly summary: Summary;
  readonly milliseconds: number;
  /** Before the source was listed, in milliseconds since 1970. */
  readonly startedAtDate: number;
  readonly open: OpenJob;
}

interface ShownResult extends IndexResult {
  readonly error: MillraceError | undefined;
}

function showResult(context: CommandContext, result: ShownResult, eventLoopDelayP99: number): number {
  const { tally, summary, milliseconds, open, error } = result;
  const { objects, counts, encoded } = tally.totals();
  const { say, settings } = context;
  const objectParts = [
    [objects.newObjects, "new"],
    [objects.changedObjects, "changed"],
    [objects.removedObjects, "removed"],
    [objects.unchangedObjects, "unchanged"],
  ] as const;
  const shown = objectParts.filter(([count]) => count > 0).map(([count, kind]) => `${formatCount(count)} ${kind}`);
  say(`objects    ${shown.join(", ") || "none"}`);
  if (counts.documents > 0) {
    const notes = [
      ...(counts.unchangedDocuments > 0 ? [`${formatCount(counts.unchangedDocuments)} unchanged`] : []),
      ...(counts.emptyDocuments > 0 ? [`${formatCount(counts.emptyDocuments)} empty`] : []),
    ];
    say(`documents  ${formatCount(counts.documents)} read${notes.map((note) => `, ${note}`).join("")}`);
  }
  if (encoded.chunks > 0) {
    const rate = tally.rate();
    say(
      `encoded    ${formatCountOf(encoded.chunks - encoded.reused, "chunk")}, ${formatCountOf(encoded.tokens, "token")}` +
        `${rate === undefined ? "" : `, ${formatCount(rate)} tokens/s`}`,
    );
    if (encoded.reused > 0) say(`reused     ${formatCountOf(encoded.reused, "vector")} of equal chunks`);
  }
  if (tally.quarantined() > 0)
    say(`quarantine ${formatCountOf(tally.quarantined(), "row")}, reasons in ${open.job.work}/quarantine`);
  if (summary.deletedPoints > 0)
    say(`deleted    ${formatCountOf(summary.deletedPoints, "point")} of what changed or vanished`);
  if (summary.changedObjects > 0)
    say(`changing   ${formatCountOf(summary.changedObjects, "object")} changed while being read; run again`);
  const freshness = freshnessOf(result);
  if (freshness?.ageSeconds !== undefined)
    say(
      `freshness  the oldest change was ${formatAge(1000 * freshness.ageSeconds)} old; all up to ${freshness.indexedUpTo} is indexed`,
    );
  say(
    `store      ${settings.store}: ${formatCountOf(summary.documents, "document")}, ` +
      `${formatCountOf(summary.points, "point")}, in ${formatDuration(milliseconds)}`,
  );
  return endDone(context, error, {
    seconds: milliseconds / 1000,
    objects,
    documents: counts,
    encoded: { ...encoded, tokensPerSecond: tally.rate() ?? 0 },
    quarantined: tally.quarantined(),
    deletedPoints: summary.deletedPoints,
    store: { place: settings.store, objects: summary.objects, documents: summary.documents, points: summary.points },
    ...(freshness === undefined ? {} : { freshness }),
    ...open.encoder.engine,
    precision: open.job.model.precision,
    fingerprint: open.job.fingerprint,
    eventLoopDelayP99Milliseconds: eventLoopDelayP99,
  });
}

/**
 * How old the oldest change was when the source was listed, and until when all is indexed now that can be; undefined
 * where objects changed while they were read.
 */
function freshnessOf({ tally, summary, startedAtDate }: IndexResult) {
  if (summary.changedObjects > 0) return undefined;
  const { oldestChange } = tally.totals().objects;
  const indexedUpTo = new Date(startedAtDate).toISOString();
  return {
    indexedUpTo,
    ...(oldestChange === undefined ? {} : { ageSeconds: ageSeconds(oldestChange, startedAtDate) }),
  };
}
