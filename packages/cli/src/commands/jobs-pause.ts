import type { CommandContext } from "../command.js";
import { formatCountOf } from "../report/format.js";
import { steerJob } from "../steer-job.js";

/** `millrace jobs pause`: returns when the job takes no new work. */
export async function run(context: CommandContext, [id = ""]: readonly string[]): Promise<number> {
  return steerJob(context, {
    ask: (jobs) => jobs.update(id, "pause"),
    leave: (jobs) => jobs.signal(id, "pause"),
    done: ({ batches }) => {
      const left = batches.underWay === 0 ? "" : `, ${formatCountOf(batches.underWay, "batch")} under way are finished`;
      return `paused${left}. Go on with: millrace jobs resume ${id}`;
    },
  });
}
