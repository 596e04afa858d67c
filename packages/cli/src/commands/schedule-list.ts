import type { CommandContext } from "../command.js";
import { openScheduler } from "../compose.js";

/** `millrace schedule list`. */
export async function run({ settings, say, print, reporter }: CommandContext): Promise<number> {
  const schedules = await openScheduler(settings);
  try {
    const listed = await schedules.list();
    for (const { name, isPaused, next, last } of listed) {
      const state = isPaused ? "paused" : `next ${next?.toISOString() ?? "never"}`;
      if (!settings.json) print(`${name}  ${state}  last ${last?.toISOString() ?? "never"}\n`);
    }
    if (listed.length === 0) say("there are no schedules");
    reporter.event("result", { ok: true, exitCode: 0, schedules: listed });
    return 0;
  } finally {
    await schedules.close();
  }
}
