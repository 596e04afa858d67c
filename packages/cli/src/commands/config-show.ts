import type { CommandContext } from "../command.js";
import { formatSettings, showSettings } from "../config/show.js";

/** `millrace config show`: every setting's value, and where it comes from. */
export async function run({ settings, loaded, print, reporter }: CommandContext): Promise<number> {
  const shown = showSettings(loaded);
  if (settings.json) reporter.event("result", { ok: true, exitCode: 0, settings: shown });
  else print(formatSettings(shown, { hasOrigins: true }));
  return 0;
}
