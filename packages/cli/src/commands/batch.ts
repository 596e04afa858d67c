import { answerFile, requireModel } from "../answer-file.js";
import type { CommandContext } from "../command.js";

/** `millrace batch`: answers a file of requests as OpenAI's batch API takes them. */
export async function run(context: CommandContext, [location = ""]: readonly string[]): Promise<number> {
  if (context.settings.embeddingModel === undefined) requireModel(context);
  return answerFile(context, { location, format: "openai" });
}
