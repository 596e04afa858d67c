import type { CommandContext } from "../command.js";
import { openFleet } from "../compose.js";
import { watchJob } from "../watch-job.js";

/** `millrace jobs watch`: follows a job until it ends. */
export async function run(context: CommandContext, [id = ""]: readonly string[]): Promise<number> {
  const jobs = await openFleet(context.settings);
  try {
    await jobs.describe(id);
    return await watchJob(context, jobs, id);
  } finally {
    await jobs.close();
  }
}
