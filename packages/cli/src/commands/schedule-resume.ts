import type { CommandContext } from "../command.js";
import { openScheduler } from "../compose.js";

/** `millrace schedule resume`. */
export async function run(
  { settings, say, reporter }: CommandContext,
  [name = ""]: readonly string[],
): Promise<number> {
  const schedules = await openScheduler(settings);
  try {
    await schedules.resume(name);
    say(`schedule ${name}: goes on`);
    reporter.event("result", { ok: true, exitCode: 0 });
    return 0;
  } finally {
    await schedules.close();
  }
}
