import { MillraceError } from "@millrace/core";
import { writeAtomically } from "../blobs/atomic-file.js";
import { fileError } from "../blobs/file-errors.js";
import { runTask, type TaskContext } from "./run-task.js";

/** What a task did. */
export interface TaskSummary {
  readonly rows: number;
  /** Rows that have no result but the reason why. */
  readonly failed: number;
  /** That the model saw, special tokens and what windows repeat included. */
  readonly tokens: number;
}

/** Writes a line for each row of a source. The file is there whole or not at all. @param onProgress told of all until now */
export async function writeTask(
  context: TaskContext,
  out: string,
  onProgress: (summary: TaskSummary) => void,
): Promise<TaskSummary> {
  let sum: TaskSummary = { rows: 0, failed: 0, tokens: 0 };
  try {
    await writeAtomically({
      path: out,
      write: async (file) => {
        for await (const { lines, tokens } of runTask(context)) {
          await file.writeFile(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
          const failed = lines.filter(({ error }) => error !== undefined).length;
          sum = { rows: sum.rows + lines.length, failed: sum.failed + failed, tokens: sum.tokens + tokens };
          onProgress(sum);
        }
        if (sum.rows === 0) throw nothingToRead(context);
        context.stop.throwIfAborted();
      },
    });
  } catch (error) {
    const isOurs = error instanceof MillraceError || context.stop.aborted;
    throw isOurs ? error : fileError(error, "cannot write the results", out);
  }
  return sum;
}

function nothingToRead({ source }: TaskContext): MillraceError {
  return new MillraceError("E_CORPUS_EMPTY", `there are no rows in ${source.uri}`, {
    fix: "Name a file of JSON lines, CSV or Parquet, or a folder that holds texts.",
  });
}
