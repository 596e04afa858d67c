import type { CommandContext } from "../command.js";
import { rollbackStore } from "../compose.js";
import { jobQuery } from "../job-query.js";

/** `millrace rollback`: lets the generation that answered before answer again. */
export async function run(context: CommandContext, [name]: readonly string[]): Promise<number> {
  const { settings, say, reporter } = context;
  const { id, job, live, kept } = await rollbackStore(settings, jobQuery(context, name));
  say(`job        ${id}: ${job.corpus} → ${job.store}`);
  say(`live       generation ${live}, filled with ${job.model.reference}`);
  say(`kept       ${kept.join(", ")}; index keeps what is live up to date`);
  reporter.event("result", { ok: true, exitCode: 0, job: id, live, kept });
  return 0;
}
