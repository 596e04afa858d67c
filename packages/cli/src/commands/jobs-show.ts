import type { JobProgress } from "@millrace/workflows";
import type { CommandContext } from "../command.js";
import { openFleet } from "../compose.js";
import { formatCount } from "../report/format.js";
import { formatFreshness } from "../report/freshness.js";
import { formatStarved } from "../report/starved-queues.js";

/** `millrace jobs show`: one job's state and what it has done. */
export async function run(context: CommandContext, [id = ""]: readonly string[]): Promise<number> {
  const { settings, print, warn, reporter } = context;
  const jobs = await openFleet(settings);
  try {
    const job = await jobs.describe(id);
    const starved = await jobs.starvedQueues(id);
    for (const queue of starved) warn(formatStarved(queue));
    const progress = await jobs.query<JobProgress>(id, "progress");
    reporter.event("result", { ok: true, exitCode: 0, job, progress, starved });
    if (settings.json) return 0;
    print(`job        ${job.id}\n`);
    print(`state      ${job.status}${progress.isPaused ? " (paused)" : ""}, since ${job.startedAt.toISOString()}\n`);
    const { underWay, limit } = progress.batches;
    if (job.status === "RUNNING")
      print(`phase      ${progress.phase}, ${formatCount(underWay)} of ${formatCount(limit)} batches under way\n`);
    print(`read       ${formatCount(progress.split.documents)} documents\n`);
    print(`encoded    ${formatCount(progress.chunks)} chunks, ${formatCount(progress.tokens)} tokens\n`);
    print(`written    ${formatCount(progress.points)} points\n`);
    const oldest = formatFreshness(progress.planned.oldestChange, Date.now());
    if (oldest !== undefined && progress.phase !== "done") print(`freshness  ${oldest}\n`);
    print(`quarantine ${formatCount(progress.quarantined)} rows\n`);
    return 0;
  } finally {
    await jobs.close();
  }
}
