import type { GenerateJobProgress, JobProgress } from "@millrace/workflows";
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
    const progress = await jobs.query<JobProgress | GenerateJobProgress>(id, "progress");
    reporter.event("result", { ok: true, exitCode: 0, job, progress, starved });
    if (settings.json) return 0;
    print(`job        ${job.id}\n`);
    print(`state      ${job.status}${progress.isPaused ? " (paused)" : ""}, since ${job.startedAt.toISOString()}\n`);
    const { underWay, limit } = progress.batches;
    if (job.status === "RUNNING")
      print(`phase      ${progress.phase}, ${formatCount(underWay)} of ${formatCount(limit)} batches under way\n`);
    for (const line of "prompts" in progress ? generatedLines(progress) : encodedLines(progress)) print(`${line}\n`);
    return 0;
  } finally {
    await jobs.close();
  }
}

function encodedLines({ split, chunks, tokens, points, planned, phase, quarantined }: JobProgress): readonly string[] {
  const oldest = phase === "done" ? undefined : formatFreshness(planned.oldestChange, Date.now());
  return [
    `read       ${formatCount(split.documents)} documents`,
    `encoded    ${formatCount(chunks)} chunks, ${formatCount(tokens)} tokens`,
    `written    ${formatCount(points)} points`,
    ...(oldest === undefined ? [] : [`freshness  ${oldest}`]),
    `quarantine ${formatCount(quarantined)} rows`,
  ];
}

function generatedLines({ prompts, isRead, answered, failed, ...tokens }: GenerateJobProgress): readonly string[] {
  return [
    `read       ${formatCount(prompts)} prompts${isRead ? ", all of them" : ""}`,
    `answered   ${formatCount(answered)}, of which ${formatCount(failed)} without an answer`,
    `generated  ${formatCount(tokens.generatedTokens)} tokens to prompts of ${formatCount(tokens.promptTokens)}`,
  ];
}
