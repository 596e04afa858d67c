import type { TaskName } from "@millrace/core";
import { answerFile, requireModel } from "../answer-file.js";
import type { CommandModule } from "../command.js";

/** `millrace task classify|ner|answer|summarize|translate|extract`: does one task with each row of a source. */
export function taskCommand(name: TaskName): CommandModule {
  return {
    run: async (context, [location = ""]) => {
      requireModel(context, "for the task");
      const { origins } = context.loaded;
      return answerFile(context, { location, format: "rows", task: { name, origins } });
    },
  };
}
