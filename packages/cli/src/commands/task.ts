import { MillraceError } from "@millrace/core";
import type { TaskName, TaskSummary } from "@millrace/workers";
import { Interrupted } from "@millrace/workflows";
import type { CommandContext, CommandModule } from "../command.js";
import { type OpenTask, openTask } from "../compose.js";
import { endDone, endInterrupted, quarantineError } from "../ending.js";
import { formatCount, formatCountOf, formatDuration } from "../report/format.js";
import { type WatchedJob, watchedJob } from "../watched-job.js";

/** `millrace task classify|ner|answer`: does one task with each row of a source. */
export function taskCommand(name: TaskName): CommandModule {
  return {
    run: (context, [location = ""]) => watchedJob(context, (watched) => runTask(context, { name, location, watched })),
  };
}

interface WantedTask {
  readonly name: TaskName;
  readonly location: string;
  readonly watched: WatchedJob;
}

async function runTask(context: CommandContext, { name, location, watched }: WantedTask): Promise<number> {
  const { settings, loaded, say, standardInput, reporter } = context;
  if (loaded.origins.model === "default") {
    throw new MillraceError("E_USAGE", "there is no model with a head for the task", {
      fix: "Name one with --model: a directory, or a hub id.",
    });
  }
  const startedAt = performance.now();
  const stop = new AbortController();
  const interrupt = () => stop.abort(new Interrupted("stopped before all was done"));
  context.stop.addEventListener("abort", interrupt);
  if (context.stop.aborted) interrupt();
  const { origins } = loaded;
  const { metrics } = watched;
  const open = await openTask({ name, settings, origins, location, standardInput, say, stop: stop.signal, metrics });
  watched.begin(`task ${name}`);
  try {
    const summary = await open.run((sum) => watched.show(progressOf(sum)));
    reporter.finish();
    return showResult(context, { open, summary, seconds: (performance.now() - startedAt) / 1000 });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    return endInterrupted(context, "stopped; nothing was written, and the same command begins again");
  } finally {
    await open.close();
  }
}

function progressOf({ rows, failed, tokens }: TaskSummary) {
  return {
    phase: "labelling",
    noun: "row",
    documents: rows,
    chunks: 0,
    tokens,
    unchanged: 0,
    quarantined: failed,
    bytesDone: 0,
    bytesTotal: 0,
  };
}

interface Result {
  readonly open: OpenTask;
  readonly summary: TaskSummary;
  readonly seconds: number;
}

function showResult(context: CommandContext, { open, summary, seconds }: Result): number {
  const { say, settings } = context;
  const { rows, failed, tokens } = summary;
  say(`rows     ${formatCount(rows)}${failed > 0 ? `, ${formatCount(failed)} without a result` : ""}`);
  say(`results  ${open.out}, ${formatCountOf(tokens, "token")} in ${formatDuration(seconds * 1000)}`);
  const error = quarantineError(failed, settings, {
    done: "labelled",
    others: "the others are labelled",
    fix: `Each one's reason is in its line of ${open.out}.`,
  });
  return endDone(context, error, {
    seconds,
    ...summary,
    architecture: open.architecture,
    out: open.out,
  });
}
