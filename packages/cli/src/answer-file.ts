import { type GenerateSummary, MillraceError, type TaskName, type TaskSpec } from "@millrace/core";
import type { PayloadCounts } from "@millrace/workers";
import { generateCorpus, Interrupted } from "@millrace/workflows";
import { answerOnTemporal } from "./answer-on-temporal.js";
import type { CommandContext } from "./command.js";
import { type GenerationRequest, type OpenGeneration, openGeneration, storeResults } from "./compose.js";
import type { Settings } from "./config/settings.js";
import { endDone, endInterrupted, goOnLine, quarantineError } from "./ending.js";
import { createGenerateTally, type GenerateTally } from "./generate-tally.js";
import { formatCount, formatCountOf, formatDuration } from "./report/format.js";
import { type WatchedJob, watchedJob } from "./watched-job.js";

/** Answers a file of prompts or requests, or does a task with each row, and says what came of it. @returns the process's exit code */
export async function answerFile(
  context: CommandContext,
  { location, format, task }: Pick<GenerationRequest, "location" | "format" | "task">,
): Promise<number> {
  if (context.settings.on === "temporal") return answerOnTemporal(context, { location, format, ...(task && { task }) });
  return watchedJob(context, (watched) => answerHere(context, { location, format, task, watched }));
}

interface Here extends Pick<GenerationRequest, "location" | "format"> {
  readonly task: GenerationRequest["task"] | undefined;
  readonly watched: WatchedJob;
}

async function answerHere(context: CommandContext, { location, format, task, watched }: Here): Promise<number> {
  const { settings, loaded, say, log, standardInput } = context;
  const { metrics } = watched;
  const startedAt = performance.now();
  const stop = interruptible(context.stop);
  const tally = createGenerateTally(watched.show);
  const { takeTokens: onTokens, takeAnswer: onAnswer } = tally;
  const hasModel = loaded.origins.model !== "default";
  const open = await openGeneration({
    hasModel,
    settings,
    say,
    location,
    format,
    ...(task && { task }),
    standardInput,
    stop,
    onTokens,
    onAnswer,
    log,
    metrics,
  });
  watched.begin(open.job.source.location);
  try {
    const summary = open.finished ?? (await answer(open, { tally, stop }));
    const stored = await storedResults(context, open, stop);
    context.reporter.finish();
    return showResult(context, { open, summary, stored, tally, milliseconds: performance.now() - startedAt });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    return endInterrupted(context, goOnLine(context));
  } finally {
    await open.close();
  }
}

/** The model that texts are encoded with by default generates none. @throws E_USAGE */
export function requireModel({ loaded }: CommandContext, purpose = "to generate with"): void {
  if (loaded.origins.model !== "default") return;
  throw new MillraceError("E_USAGE", `there is no model ${purpose}`, {
    fix: "Name one with --model: a directory, a file, a hub id, or a known short name.",
  });
}

interface Answering {
  readonly tally: GenerateTally;
  readonly stop: AbortSignal;
}

function answer({ job, steps }: OpenGeneration, { tally, stop }: Answering): Promise<GenerateSummary> {
  return generateCorpus(
    {
      steps,
      window: { limit: 2 },
      checkpoint: async () => stop.throwIfAborted(),
      wantsRest: () => false,
      report: tally.take,
    },
    job,
  );
}

/** Puts a task's results into the store, where that is asked for. */
async function storedResults(
  { settings }: CommandContext,
  { job, corpus }: OpenGeneration,
  stop: AbortSignal,
): Promise<PayloadCounts | undefined> {
  const { payloadField: field } = settings;
  if (job.task === undefined || field === undefined) return undefined;
  return storeResults({ settings, corpus, task: job.task.name, out: job.out, field, stop });
}

/** A signal whose reason is that the job was interrupted. */
function interruptible(stop: AbortSignal): AbortSignal {
  const controller = new AbortController();
  stop.addEventListener("abort", () => controller.abort(new Interrupted("stopped before all was answered")));
  return controller.signal;
}

interface Result {
  readonly open: OpenGeneration;
  readonly summary: GenerateSummary;
  /** What the store has of it. */
  readonly stored: PayloadCounts | undefined;
  readonly tally: GenerateTally;
  readonly milliseconds: number;
}

function showResult(context: CommandContext, { open, summary, stored, tally, milliseconds }: Result): number {
  const { say, settings } = context;
  const { rows, failed, promptTokens, generatedTokens, isUnchanged } = summary;
  const { task } = open.job;
  const { noun, done, result } = wordsOf(task);
  const { answers, generated, seconds } = tally.measured();
  const rate = seconds > 0 ? Math.round(generated / seconds) : undefined;
  const answersPerSecond = seconds > 0 ? Number((answers / seconds).toPrecision(3)) : undefined;
  say(`${`${noun}s`.padEnd(9)}  ${formatCount(rows)}${failed > 0 ? `, ${formatCount(failed)} without ${result}` : ""}`);
  if (task?.by === "head") say(`read       ${formatCountOf(promptTokens, "token")}`);
  else
    say(
      `generated  ${formatCountOf(generatedTokens, "token")} to prompts of ${formatCount(promptTokens)}` +
        `${rate === undefined ? "" : `, ${formatCount(rate)} tokens/s, ${answersPerSecond} answers/s`}`,
    );
  say(
    `${task === undefined ? "answers" : "results"}    ${open.job.out}, ${isUnchanged ? "as they were" : `in ${formatDuration(milliseconds)}`}`,
  );
  if (stored !== undefined) say(storeLine(stored, settings));
  const error = quarantineError(failed, settings, {
    unit: noun,
    done,
    others: `the others are ${done}`,
    fix: `Each one's reason is in its line of ${open.job.errors ?? open.job.out}.`,
  });
  return endDone(context, error, {
    seconds: milliseconds / 1000,
    ...summary,
    newAnswers: answers,
    ...(rate === undefined ? {} : { tokensPerSecond: rate, answersPerSecond }),
    out: open.job.out,
    ...(open.job.errors !== undefined && { errors: open.job.errors }),
    ...open.open.generator.engine,
    precision: open.open.precision,
    graph: open.job.model.graph,
    ...(task && { task: task.name, by: task.by }),
    ...(stored && { stored }),
  });
}

function storeLine({ documents, missing, points }: PayloadCounts, { store }: Settings): string {
  const others = missing > 0 ? `, ${formatCount(missing)} not in it` : "";
  return `store      ${store}: ${formatCountOf(documents, "document")}${others}, ${formatCountOf(points, "point")} written`;
}

/** What is done with a row. */
const done = {
  classify: "labelled",
  ner: "labelled",
  answer: "answered",
  summarize: "summarized",
  translate: "translated",
  extract: "read",
} as const satisfies Record<TaskName, string>;

function wordsOf(task: TaskSpec | undefined) {
  if (task === undefined) return { noun: "prompt", done: "answered", result: "an answer" };
  return { noun: "row", done: done[task.name], result: "a result" };
}
