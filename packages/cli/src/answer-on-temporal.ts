import type { CommandContext } from "./command.js";
import { type GenerationRequest, submitGeneration } from "./compose.js";
import { showGenerated } from "./report/generated.js";
import { followJob, isDetached } from "./watch-job.js";

/** `millrace generate --on temporal`, and `batch`: hands the job to the workers of a Temporal server, and follows it. */
export async function answerOnTemporal(
  context: CommandContext,
  { location, format }: Pick<GenerationRequest, "location" | "format">,
): Promise<number> {
  const { settings, loaded, say, standardInput, stop } = context;
  isDetached(settings);
  const { id, job, jobs, finished } = await submitGeneration({
    hasModel: loaded.origins.model !== "default",
    settings,
    say,
    location,
    format,
    standardInput,
    stop,
    onAnswer: () => {},
  });
  try {
    say(`job        ${id}`);
    if (finished !== undefined) return showGenerated(context, { id, summary: finished, out: job.out });
    return await followJob(context, jobs, id);
  } finally {
    await jobs.close();
  }
}
