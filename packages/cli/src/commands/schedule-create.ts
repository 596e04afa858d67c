import { MillraceError } from "@millrace/core";
import type { CommandContext } from "../command.js";
import { scheduleJob } from "../compose.js";

/** `millrace schedule create`: the job that `index --on temporal` would start, started again and again. */
export async function run(context: CommandContext, [name = "", location]: readonly string[]): Promise<number> {
  const { settings, say, standardInput, reporter } = context;
  const source = location ?? settings.source;
  if (source === undefined || (settings.cron.length === 0 && settings.every === undefined)) {
    throw new MillraceError("E_USAGE", "a schedule needs something to index and a time", {
      fix: 'For example: millrace schedule create nightly docs --cron "0 2 * * *"',
    });
  }
  const request = { settings, location: source, standardInput, say, onTokens: () => {} };
  const job = await scheduleJob(name, request);
  say(`schedule ${name}: created for the job ${job}`);
  reporter.event("result", { ok: true, exitCode: 0, job });
  return 0;
}
