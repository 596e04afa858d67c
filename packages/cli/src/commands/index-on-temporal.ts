import { MillraceError } from "@millrace/core";
import type { CommandContext } from "../command.js";
import { submitJob } from "../compose.js";
import { watchJob } from "../watch-job.js";

/** `millrace index --on temporal`: hands the job to the workers of a Temporal server, and follows it. */
export async function runOnTemporal(context: CommandContext, location: string): Promise<number> {
  const { settings, say, standardInput, reporter } = context;
  if (settings.watch && settings.detach) {
    throw new MillraceError("E_USAGE", "--watch and --detach contradict each other", {
      fix: "Leave one out: a job is followed unless --detach is given.",
    });
  }
  const { id, jobs } = await submitJob({ settings, location, standardInput, say, onTokens: () => {} });
  try {
    say(`job        ${id}`);
    reporter.event("started", { job: id });
    if (!settings.detach) return await watchJob(context, jobs, id);
    say(`follow it with: millrace jobs watch ${id}`);
    reporter.event("result", { ok: true, exitCode: 0, job: id });
    return 0;
  } finally {
    await jobs.close();
  }
}
