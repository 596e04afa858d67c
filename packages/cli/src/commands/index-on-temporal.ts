import type { CommandContext } from "../command.js";
import { submitJob } from "../compose.js";
import { followJob, isDetached } from "../watch-job.js";

/** `millrace index --on temporal`: hands the job to the workers of a Temporal server, and follows it. */
export async function runOnTemporal(context: CommandContext, location: string): Promise<number> {
  const { settings, say, standardInput } = context;
  isDetached(settings);
  const { id, jobs } = await submitJob({ settings, location, standardInput, say, onTokens: () => {} });
  try {
    say(`job        ${id}`);
    return await followJob(context, jobs, id);
  } finally {
    await jobs.close();
  }
}
