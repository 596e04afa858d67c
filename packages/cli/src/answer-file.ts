import { type GenerateSummary, MillraceError } from "@millrace/core";
import { generateCorpus, Interrupted } from "@millrace/workflows";
import { answerOnTemporal } from "./answer-on-temporal.js";
import type { CommandContext } from "./command.js";
import { type GenerationRequest, type OpenGeneration, openGeneration } from "./compose.js";
import { endDone, endInterrupted, goOnLine, quarantineError } from "./ending.js";
import { createGenerateTally, type GenerateTally } from "./generate-tally.js";
import { formatCount, formatCountOf, formatDuration } from "./report/format.js";
import { type WatchedJob, watchedJob } from "./watched-job.js";

/** Answers a file of prompts or requests and says what came of it. @returns the process's exit code */
export async function answerFile(
  context: CommandContext,
  { location, format }: Pick<GenerationRequest, "location" | "format">,
): Promise<number> {
  if (context.settings.on === "temporal") return answerOnTemporal(context, { location, format });
  return watchedJob(context, (watched) => answerHere(context, { location, format, watched }));
}

async function answerHere(
  context: CommandContext,
  { location, format, watched }: Pick<GenerationRequest, "location" | "format"> & { readonly watched: WatchedJob },
): Promise<number> {
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
    context.reporter.finish();
    return showResult(context, { open, summary, tally, milliseconds: performance.now() - startedAt });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    return endInterrupted(context, goOnLine(context));
  } finally {
    await open.close();
  }
}

/** The model that texts are encoded with by default generates none. @throws E_USAGE */
export function requireModel({ loaded }: CommandContext): void {
  if (loaded.origins.model !== "default") return;
  throw new MillraceError("E_USAGE", "there is no model to generate with", {
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

/** A signal whose reason is that the job was interrupted. */
function interruptible(stop: AbortSignal): AbortSignal {
  const controller = new AbortController();
  stop.addEventListener("abort", () => controller.abort(new Interrupted("stopped before all was answered")));
  return controller.signal;
}

interface Result {
  readonly open: OpenGeneration;
  readonly summary: GenerateSummary;
  readonly tally: GenerateTally;
  readonly milliseconds: number;
}

function showResult(context: CommandContext, { open, summary, tally, milliseconds }: Result): number {
  const { say, settings } = context;
  const { rows, failed, promptTokens, generatedTokens, isUnchanged } = summary;
  const { answers, generated, seconds } = tally.measured();
  const rate = seconds > 0 ? Math.round(generated / seconds) : undefined;
  const answersPerSecond = seconds > 0 ? Number((answers / seconds).toPrecision(3)) : undefined;
  say(`prompts    ${formatCount(rows)}${failed > 0 ? `, ${formatCount(failed)} without an answer` : ""}`);
  say(
    `generated  ${formatCountOf(generatedTokens, "token")} to prompts of ${formatCount(promptTokens)}` +
      `${rate === undefined ? "" : `, ${formatCount(rate)} tokens/s, ${answersPerSecond} answers/s`}`,
  );
  say(`answers    ${open.job.out}, ${isUnchanged ? "as they were" : `in ${formatDuration(milliseconds)}`}`);
  const error = quarantineError(failed, settings, {
    unit: "prompt",
    done: "answered",
    others: "the others are answered",
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
  });
}
