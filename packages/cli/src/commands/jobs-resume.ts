import type { CommandContext } from "../command.js";
import { openFleet } from "../compose.js";

/** `millrace jobs resume`. */
export async function run({ settings, say, reporter }: CommandContext, [id = ""]: readonly string[]): Promise<number> {
  const jobs = await openFleet(settings);
  try {
    await jobs.signal(id, "resume");
    say(`going on`);
    reporter.event("result", { ok: true, exitCode: 0 });
    return 0;
  } finally {
    await jobs.close();
  }
}
