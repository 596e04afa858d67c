import { MillraceError } from "@millrace/core";
import { answerFile, requireModel } from "../answer-file.js";
import type { CommandContext } from "../command.js";
import { runPrompt } from "./generate-prompt.js";

/** `millrace generate`: answers a file of prompts, or one prompt. */
export async function run(context: CommandContext, [location]: readonly string[]): Promise<number> {
  const { prompt } = context.settings;
  requireModel(context);
  if (location !== undefined && prompt === undefined) return answerFile(context, { location, format: "rows" });
  if (location === undefined && prompt !== undefined) return runPrompt(context, prompt);
  throw new MillraceError("E_USAGE", location === undefined ? "there is no prompt" : "there are prompts twice", {
    why: location === undefined ? "neither a file nor --prompt is given" : "both a file and --prompt are given",
    fix: "Name a file of prompts with --out for the answers, or give one with --prompt.",
  });
}
