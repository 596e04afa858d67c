import type { CommandContext } from "../command.js";
import { settingsSchema } from "../config/schema.js";

/** `millrace config schema`: the JSON Schema of millrace.yaml. */
export async function run({ settings, print, reporter }: CommandContext): Promise<number> {
  const schema = settingsSchema();
  if (settings.json) reporter.event("result", { ok: true, exitCode: 0, schema });
  else print(`${JSON.stringify(schema, null, 2)}\n`);
  return 0;
}
