import type { CommandContext } from "../command.js";
import { listJobs, openFleet } from "../compose.js";

/** The states of a job as they are asked for, and as the server calls them. */
const statuses = {
  running: "Running",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Canceled",
  terminated: "Terminated",
} as const;

/** `millrace jobs list`: the jobs of a Temporal server, newest first. */
export async function run({ settings, loaded, say, print, reporter }: CommandContext): Promise<number> {
  const { status } = settings;
  // A project's file says which store it uses, not which jobs to see.
  const asked = (key: "corpus" | "store") => (loaded.origins[key].startsWith("flag ") ? settings[key] : undefined);
  const filter = {
    corpus: asked("corpus"),
    store: asked("store"),
    status: status === undefined ? undefined : statuses[status],
  };
  const jobs = await openFleet(settings);
  try {
    const listed = await listJobs(jobs, settings, filter);
    for (const { id, status, workflow, startedAt } of listed) {
      if (!settings.json) print(`${id}  ${status.padEnd(10)}  ${startedAt.toISOString()}  ${workflow}\n`);
    }
    if (listed.length === 0) say("there are no such jobs");
    reporter.event("result", { ok: true, exitCode: 0, jobs: listed });
    return 0;
  } finally {
    await jobs.close();
  }
}
