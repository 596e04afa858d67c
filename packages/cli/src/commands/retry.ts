import { MillraceError, type Summary } from "@millrace/core";
import { createEmbeddedRuntime, embedCorpus, Interrupted } from "@millrace/workflows";
import type { CommandContext } from "../command.js";
import { openRetry } from "../compose.js";
import { jobQuery, modelReference } from "../job-query.js";
import { formatError } from "../report/errors.js";
import { describeError } from "../report/failure.js";
import { formatCount, formatCountOf, formatDuration } from "../report/format.js";
import { createTally, type Tally } from "../tally.js";

const interruptedExit = 130;

/** `millrace retry`: does again what is in quarantine, and nothing else. */
export async function run(context: CommandContext, [name]: readonly string[]): Promise<number> {
  const { settings, say, stop, reporter } = context;
  const startedAt = performance.now();
  const tally = createTally((state) => reporter.update(state));
  const [query, reference] = [jobQuery(context, name), modelReference(context)];
  const { id, open, waiting } = await openRetry({ settings, say, onTokens: tally.addTokens, query, reference });
  try {
    say(`job        ${id}: ${open.job.corpus} → ${open.job.store}`);
    const before = await waiting();
    const runtime = createEmbeddedRuntime({
      steps: open.steps,
      hosts: settings.hosts,
      stop,
      report: (progress) => {
        tally.take(progress);
        if (progress.kind === "planned" && progress.counts.bytes > 0) open.encoder.warm();
      },
    });
    const summary = await embedCorpus(runtime, open.job);
    reporter.finish();
    const remaining = await waiting();
    const milliseconds = performance.now() - startedAt;
    return showResult(context, {
      id,
      work: open.job.work,
      summary,
      tally,
      before,
      remaining,
      milliseconds,
    });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    reporter.finish();
    say(`stopped; nothing is lost. Go on with:\n  ${context.commandLine}`);
    reporter.event("result", { ok: false, exitCode: interruptedExit, interrupted: true });
    return interruptedExit;
  } finally {
    await open.close();
  }
}

interface RetryResult {
  readonly id: string;
  readonly work: string;
  readonly summary: Summary;
  readonly tally: Tally;
  /** In quarantine before, and after. */
  readonly before: number;
  readonly remaining: number;
  readonly milliseconds: number;
}

function showResult(context: CommandContext, result: RetryResult): number {
  const { say, warn, reporter } = context;
  const { id, summary, tally, before, remaining, milliseconds } = result;
  const { objects, counts, encoded } = tally.totals();
  const healed = Math.max(0, before - remaining);
  if (before === 0) say("quarantine nothing was there");
  else {
    say(`objects    ${formatCount(objects.changedObjects)} read again`);
    if (encoded.chunks > 0) say(`encoded    ${formatCountOf(encoded.chunks, "chunk")}`);
    say(`quarantine ${formatCountOf(before, "row")}: ${formatCount(healed)} healed, ${formatCount(remaining)} remain`);
  }
  const store = `${formatCountOf(summary.documents, "document")}, ${formatCountOf(summary.points, "point")}`;
  say(`store      ${store}, in ${formatDuration(milliseconds)}`);
  const error = quarantineError(context, result);
  if (error !== undefined) warn(formatError(error, false));
  const exitCode = error?.facts.exit ?? 0;
  reporter.event("result", {
    ok: error === undefined,
    exitCode,
    ...(error === undefined ? {} : { error: describeError(error) }),
    job: id,
    seconds: milliseconds / 1000,
    objects,
    documents: counts,
    encoded,
    healed,
    quarantined: remaining,
    store: { objects: summary.objects, documents: summary.documents, points: summary.points },
  });
  return exitCode;
}

function quarantineError({ settings }: CommandContext, { remaining, work }: RetryResult): MillraceError | undefined {
  if (remaining <= settings.maxQuarantined) return undefined;
  return new MillraceError("E_QUARANTINE", `${formatCountOf(remaining, "row")} could not be indexed`, {
    why: `--max-quarantined allows ${settings.maxQuarantined}; the rest is in the store`,
    fix: `Each row's reason is in ${work}/quarantine; what is gone from the source leaves it with the next index.`,
  });
}
