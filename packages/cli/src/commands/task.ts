import { MillraceError, type TaskName } from "@millrace/core";
import { answerFile } from "../answer-file.js";
import type { CommandModule } from "../command.js";

/** `millrace task classify|ner|answer|summarize|translate|extract`: does one task with each row of a source. */
export function taskCommand(name: TaskName): CommandModule {
  return {
    run: async (context, [location = ""]) => {
      const { origins } = context.loaded;
      if (origins.model === "default") {
        throw new MillraceError("E_USAGE", "there is no model for the task", {
          fix: "Name one with --model: a directory, a file, a hub id, or a known short name.",
        });
      }
      return answerFile(context, { location, format: "rows", task: { name, origins } });
    },
  };
}
