import { MillraceError } from "@millrace/core";
import type { CommandContext } from "../command.js";
import { steerJob } from "../steer-job.js";

/** `millrace jobs scale`: how many batches a running job may have under way from now on. */
export async function run(context: CommandContext, [id = ""]: readonly string[]): Promise<number> {
  const { settings, loaded } = context;
  if (loaded.origins.inFlight === "default") {
    throw new MillraceError("E_USAGE", "it is not said how many batches are to be under way", {
      fix: `Say it: millrace jobs scale ${id} --in-flight 64`,
    });
  }
  return steerJob(context, {
    ask: (jobs) => jobs.update(id, "scale", settings.inFlight),
    done: ({ batches }) => `up to ${batches.limit} batches at once; ${batches.underWay} are under way`,
  });
}
