import type { Steps } from "@millrace/core";
import { CancelledFailure, Context } from "@temporalio/activity";
import { toFailure } from "./failures.js";

/** A sign of life this often; Temporal takes a worker that gives none for dead. */
const heartbeatMilliseconds = 5_000;

/**
 * Steps as activities. Each says that it lives for as long as it works, and ends at once when its job is cancelled: what
 * the abandoned step still finishes is found by whoever runs the job again.
 */
export function createActivities(steps: Partial<Steps>): Record<string, Step> {
  const activities = Object.entries(steps as Record<string, Step>).map(([name, step]) => {
    return [name, (...args: unknown[]) => asActivity(() => step(...args))] as const;
  });
  return Object.fromEntries(activities);
}

type Step = (...args: unknown[]) => Promise<unknown>;

async function asActivity<Result>(step: () => Promise<Result>): Promise<Result> {
  const context = Context.current();
  const heartbeats = setInterval(() => context.heartbeat(), heartbeatMilliseconds);
  try {
    return await Promise.race([step(), context.cancelled]);
  } catch (error) {
    throw error instanceof CancelledFailure ? error : toFailure(error);
  } finally {
    clearInterval(heartbeats);
  }
}
