import { CancelledFailure, Context } from "@temporalio/activity";
import type { StepControl } from "../steps/context.js";
import { countFailure, type FailureCounts, type Redact, toFailure } from "./failures.js";

/** A sign of life this often; Temporal takes a worker that gives none for dead. */
const heartbeatMilliseconds = 5_000;

/** Steps by their names as activities, each of which heeds a control of its own. */
export type ControlledSteps = (control: StepControl) => object;

/**
 * Steps as activities. Each says that it lives for as long as it works, with what of it is finished, and ends at once when
 * its job is cancelled: nothing more is read, written or encoded, and what the abandoned step has finished is found by whoever
 * runs the job again.
 */
export function createActivities(stepsFor: ControlledSteps, redact?: Redact): Record<string, Step> {
  const activities = Object.keys(stepsFor({})).map((name) => {
    return [
      name,
      (...args: unknown[]) => asActivity((control) => stepNamed(stepsFor(control), name)(...args), redact),
    ] as const;
  });
  return Object.fromEntries(activities);
}

type Step = (...args: unknown[]) => Promise<unknown>;

function stepNamed(steps: object, name: string): Step {
  return (steps as Record<string, Step>)[name] as Step;
}

/** What a sign of life says: the next attempt, on whatever worker, finds what the last one said. */
interface Details {
  /** What of the step is finished. */
  readonly finished?: object;
  readonly failures: FailureCounts;
}

async function asActivity<Result>(
  step: (control: StepControl) => Promise<Result>,
  redact: Redact | undefined,
): Promise<Result> {
  const context = Context.current();
  let said: Details = { failures: (context.info.heartbeatDetails as Details | undefined)?.failures ?? {} };
  const say = (more: Partial<Details>) => {
    said = { ...said, ...more };
    context.heartbeat(said);
  };
  const heartbeats = setInterval(() => say({}), heartbeatMilliseconds);
  const onProgress = (finished: object) => say({ finished });
  try {
    return await Promise.race([step({ signal: context.cancellationSignal, onProgress }), context.cancelled]);
  } catch (error) {
    if (error instanceof CancelledFailure) throw error;
    const failures = countFailure(said.failures, error);
    say({ failures });
    throw toFailure(error, failures, redact);
  } finally {
    clearInterval(heartbeats);
  }
}
