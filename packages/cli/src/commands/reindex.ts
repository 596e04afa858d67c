import { Interrupted, type ReindexSummary, reindexCorpus } from "@millrace/workflows";
import type { CommandContext } from "../command.js";
import { openReindex } from "../compose.js";
import { embeddedRuntime } from "../embed-job.js";
import { endInterrupted, goOnLine } from "../ending.js";
import { jobQuery } from "../job-query.js";
import { formatCount, formatCountOf, formatDuration } from "../report/format.js";
import { createTally } from "../tally.js";

/** `millrace reindex`: exchanges what a store answers from, once what replaces it is whole and good enough. */
export async function run(context: CommandContext, [name]: readonly string[]): Promise<number> {
  const { loaded, say, stop, reporter } = context;
  const startedAt = performance.now();
  const tally = createTally((state) => reporter.update(state));
  const reindex = await openReindex({ loaded, say, onTokens: tally.addTokens, query: jobQuery(context, name) });
  const { id, job, live, generation } = reindex;
  say(`job        ${id}: ${job.corpus} → ${live.job.store}`);
  say(`live       generation ${live.generation}, filled with ${live.job.model.reference}`);
  if (!("open" in reindex)) {
    say("nothing to do: these are the settings it was filled with; --generation fills another with the same");
    reporter.event("result", { ok: true, exitCode: 0, job: id, live: live.generation });
    return 0;
  }
  say(`filling    generation ${generation} with ${job.model.reference}`);
  try {
    const { open, steps, options, settings } = reindex;
    const runtime = { ...embeddedRuntime(open, { settings, tally, stop }), reindex: steps };
    const summary = await reindexCorpus(runtime, job, options);
    reporter.finish();
    showSummary(context, { id, summary, minNdcg: options.gate.minNdcg, milliseconds: performance.now() - startedAt });
    return 0;
  } catch (error) {
    reporter.finish();
    if (!(error instanceof Interrupted)) throw error;
    return endInterrupted(context, `${goOnLine(context)}\nUntil it is done, ${live.job.store} answers as before.`);
  } finally {
    await reindex.close();
  }
}

interface Shown {
  readonly id: string;
  readonly summary: ReindexSummary;
  readonly minNdcg: number | undefined;
  readonly milliseconds: number;
}

function showSummary({ say, reporter }: CommandContext, { id, summary, minNdcg, milliseconds }: Shown): void {
  const { filled, verified, judged, promoted } = summary;
  const { recall, ranking } = judged;
  const worst = verified.worst === undefined ? "" : `, worst cosine ${verified.worst.cosine.toFixed(6)}`;
  say(`filled     ${formatCountOf(filled.documents, "document")}, ${formatCountOf(filled.points, "point")}`);
  say(
    `verified   ${formatCountOf(verified.points, "point")}, digest ${verified.digest}; ` +
      `${formatCountOf(verified.sampled, "vector")} compared${worst}`,
  );
  if (recall !== undefined)
    say(
      `recall@10  ${recall.at10.toFixed(4)} against exact search, ${formatCount(recall.queries)} vectors searched for`,
    );
  if (ranking !== undefined)
    say(
      `nDCG@10    ${ranking.ndcgAt10.toFixed(4)}, at least ${minNdcg?.toFixed(4)}; ${formatCount(ranking.queries)} queries`,
    );
  say(`live       generation ${promoted.live}, after ${formatDuration(milliseconds)}`);
  if (promoted.dropped.length > 0) say(`deleted    ${promoted.dropped.join(", ")}`);
  if (promoted.kept.length > 0) say(`kept       ${promoted.kept.join(", ")}; go back with: millrace rollback ${id}`);
  reporter.event("result", { ok: true, exitCode: 0, job: id, seconds: milliseconds / 1000, ...summary });
}
