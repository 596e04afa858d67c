import type { CommandContext } from "../command.js";
import { installedModels } from "../compose.js";
import { formatBytes } from "../report/format.js";

/** `millrace models list`: the models that are on this machine. */
export async function run({ settings, say, print, reporter }: CommandContext): Promise<number> {
  const models = await installedModels(settings);
  if (settings.json) {
    for (const model of models) reporter.event("model", model);
    reporter.event("result", { ok: true, exitCode: 0, models: models.length });
  } else if (models.length === 0)
    say("no model is here yet; bring one with: npx millrace models pull all-MiniLM-L6-v2");
  for (const { name, directory, origin, license, files } of settings.json ? [] : models) {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const from = `${origin.kind} ${origin.reference}${origin.revision === undefined ? "" : `@${origin.revision.slice(0, 12)}`}`;
    print(
      `${name}\n  ${directory}\n  ${formatBytes(bytes)} from ${from}${license === undefined ? "" : `, ${license}`}\n`,
    );
  }
  return 0;
}
