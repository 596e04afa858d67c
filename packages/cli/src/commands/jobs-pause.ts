import type { CommandContext } from "../command.js";
import { openFleet } from "../compose.js";

/** `millrace jobs pause`. */
export async function run({ settings, say, reporter }: CommandContext, [id = ""]: readonly string[]): Promise<number> {
  const jobs = await openFleet(settings);
  try {
    await jobs.signal(id, "pause");
    say(`pausing; what is under way is finished. Go on with: millrace jobs resume ${id}`);
    reporter.event("result", { ok: true, exitCode: 0 });
    return 0;
  } finally {
    await jobs.close();
  }
}
