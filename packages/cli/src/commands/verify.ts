import { type FoundPoint, type FoundPoints, type VerifyReport, verdictOf } from "@millrace/core";
import type { CommandContext } from "../command.js";
import { openVerification } from "../compose.js";
import { jobQuery, modelReference } from "../job-query.js";
import { describeError } from "../report/failure.js";
import { formatCount, formatCountOf } from "../report/format.js";
import { formatFreshness } from "../report/freshness.js";

/** `millrace verify`: whether a job's store holds what its manifest says. Nothing is written. */
export async function run(context: CommandContext, [name]: readonly string[]): Promise<number> {
  const { settings, say, warn, reporter } = context;
  const query = jobQuery(context, name);
  const open = await openVerification({ settings, say, query, reference: modelReference(context) });
  try {
    say(`job        ${open.id}: ${open.job.corpus} → ${open.job.store}`);
    const report = await open.report(Date.now());
    for (const line of linesOf(report)) say(line);
    const error = verdictOf(report);
    if (error !== undefined) warn(error);
    const exitCode = error?.facts.exit ?? 0;
    const { worst } = report;
    reporter.event("result", {
      ok: error === undefined,
      exitCode,
      ...(error === undefined ? {} : { error: describeError(error) }),
      job: open.id,
      ...report,
      ...open.engine,
      ...(worst === undefined ? {} : { worstCosine: worst.cosine }),
    });
    return exitCode;
  } finally {
    await open.close();
  }
}

function linesOf(report: VerifyReport): readonly string[] {
  const { points, documents, digest, missing, unexpected, doubled, sampled, worst } = report;
  return [
    `points     ${formatCount(points)} stored, of ${formatCountOf(documents, "document")}, digest ${digest}`,
    ...foundLines("missing", missing),
    ...foundLines("unexpected", unexpected),
    ...foundLines("doubled", doubled),
    ...quarantineLines(report),
    ...(worst === undefined
      ? []
      : [`vectors    ${formatCount(sampled)} compared, worst cosine ${worst.cosine.toFixed(6)} (${nameOf(worst)})`]),
    ...freshnessLines(report),
    ...report.mismatches.map(({ what, expected, found }) => `mismatch   ${what} is ${found}, not ${expected}`),
  ];
}

function foundLines(kind: string, { count, first }: FoundPoints): readonly string[] {
  if (count === 0) return [];
  const rest = count - first.length;
  return [
    `${kind.padEnd(10)} ${formatCountOf(count, "point")}`,
    ...first.map((point) => `           ${nameOf(point)}`),
    ...(rest > 0 ? [`           and ${formatCount(rest)} more`] : []),
  ];
}

function quarantineLines({ quarantined, quarantine }: VerifyReport): readonly string[] {
  if (quarantined === 0) return [];
  const codes = Object.entries(quarantine).map(([code, count]) => `${code} ${formatCount(count)}`);
  return [`quarantine ${formatCountOf(quarantined, "row")} (${codes.join(", ")})`];
}

function freshnessLines({ freshness }: VerifyReport): readonly string[] {
  if (freshness === undefined) return ["freshness  unknown: the source cannot be listed"];
  if (freshness.changes === 0) return ["freshness  nothing of the source has changed since"];
  const oldest = formatFreshness(freshness.oldestChange, Date.now());
  return [
    `freshness  ${formatCountOf(freshness.changes, "change")} not yet indexed${oldest === undefined ? "" : `; the ${oldest}`}`,
  ];
}

function nameOf({ id, object, document, ordinal }: FoundPoint): string {
  if (object === undefined) return id;
  return `${id}  ${object}${document ? `#${document}` : ""}, chunk ${ordinal}`.replaceAll("\n", "\ufffd");
}
