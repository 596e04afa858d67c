import type { CommandContext } from "../command.js";
import { openScheduler } from "../compose.js";

/** `millrace schedule trigger`. */
export async function run(
  { settings, say, reporter }: CommandContext,
  [name = ""]: readonly string[],
): Promise<number> {
  const schedules = await openScheduler(settings);
  try {
    await schedules.trigger(name);
    say(`schedule ${name}: started`);
    reporter.event("result", { ok: true, exitCode: 0 });
    return 0;
  } finally {
    await schedules.close();
  }
}
