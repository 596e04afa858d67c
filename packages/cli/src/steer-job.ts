import { MillraceError } from "@millrace/core";
import type { Jobs } from "@millrace/workers";
import type { SteeredProgress } from "@millrace/workflows";
import type { CommandContext } from "./command.js";
import { openFleet } from "./compose.js";

/** What is asked of a running job. */
export interface Steering {
  /** Asks it and waits for the answer. */
  readonly ask: (jobs: Jobs) => Promise<SteeredProgress>;
  /** Leaves word where no worker takes up the job just now; without it, that is an error. */
  readonly leave?: (jobs: Jobs) => Promise<void>;
  /** What is said when the job has it. */
  readonly done: (progress: SteeredProgress) => string;
}

/** Asks something of a running job. @returns the exit code @throws E_JOB_MISSING, E_JOB_ENDED, E_WORKER_MISSING */
export async function steerJob({ settings, say, reporter }: CommandContext, steering: Steering): Promise<number> {
  const jobs = await openFleet(settings);
  try {
    const progress = await steering.ask(jobs).catch(async (error: unknown) => {
      if (!(error instanceof MillraceError) || error.code !== "E_WORKER_MISSING") throw error;
      if (steering.leave === undefined) throw error;
      await steering.leave(jobs);
      return undefined;
    });
    say(
      progress === undefined
        ? "no worker orchestrates just now: the job has it as soon as one does"
        : steering.done(progress),
    );
    reporter.event("result", { ok: true, exitCode: 0, ...(progress === undefined ? {} : { progress }) });
    return 0;
  } finally {
    await jobs.close();
  }
}
