import type { CommandContext } from "../command.js";
import { settingsSchema } from "../config/schema.js";

/** `millrace config schema`: the JSON Schema of millrace.yaml. */
export async function run({ print }: CommandContext): Promise<number> {
  print(`${JSON.stringify(settingsSchema(), null, 2)}\n`);
  return 0;
}
