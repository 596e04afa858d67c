import type { CommandContext } from "../command.js";
import { steerJob } from "../steer-job.js";

/** `millrace jobs resume`: returns when the job goes on. */
export async function run(context: CommandContext, [id = ""]: readonly string[]): Promise<number> {
  return steerJob(context, {
    ask: (jobs) => jobs.update(id, "resume"),
    leave: (jobs) => jobs.signal(id, "resume"),
    done: () => "going on",
  });
}
