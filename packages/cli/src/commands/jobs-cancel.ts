import type { CommandContext } from "../command.js";
import { openFleet } from "../compose.js";

/** `millrace jobs cancel`. */
export async function run({ settings, say, reporter }: CommandContext, [id = ""]: readonly string[]): Promise<number> {
  const jobs = await openFleet(settings);
  try {
    await jobs.cancel(id);
    say(`cancelling; what is done is kept`);
    reporter.event("result", { ok: true, exitCode: 0 });
    return 0;
  } finally {
    await jobs.close();
  }
}
