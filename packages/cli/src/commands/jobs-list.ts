import type { CommandContext } from "../command.js";
import { openFleet } from "../compose.js";

const mostJobs = 100;

/** `millrace jobs list`: the jobs of a Temporal server, newest first. */
export async function run({ settings, say, print, reporter }: CommandContext): Promise<number> {
  const jobs = await openFleet(settings);
  try {
    const listed = await jobs.list(mostJobs);
    for (const { id, status, workflow, startedAt } of listed) {
      if (!settings.json) print(`${id}  ${status.padEnd(10)}  ${startedAt.toISOString()}  ${workflow}\n`);
    }
    if (listed.length === 0) say("there are no jobs");
    reporter.event("result", { ok: true, exitCode: 0, jobs: listed });
    return 0;
  } finally {
    await jobs.close();
  }
}
