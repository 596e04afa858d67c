import type { CommandContext } from "../command.js";
import { runWorker } from "../compose.js";

/** `millrace worker`: takes part in the jobs of a Temporal server until it is stopped. */
export async function run({ settings, say, stop }: CommandContext): Promise<number> {
  await runWorker({ settings, say, stop });
  say("stopped; nothing was under way any more");
  return 0;
}
