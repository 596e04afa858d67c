import type { CommandContext } from "../command.js";
import { openScheduler } from "../compose.js";

/** `millrace schedule pause`. */
export async function run(
  { settings, say, reporter }: CommandContext,
  [name = ""]: readonly string[],
): Promise<number> {
  const schedules = await openScheduler(settings);
  try {
    await schedules.pause(name);
    say(`schedule ${name}: paused`);
    reporter.event("result", { ok: true, exitCode: 0 });
    return 0;
  } finally {
    await schedules.close();
  }
}
