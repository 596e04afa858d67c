import type { RetryClass } from "./errors.js";

/** How often a step may fail with errors of one class, and what lies between two attempts, in milliseconds. */
export interface RetryPolicy {
  readonly attempts: number;
  /** Before the second attempt; doubled before each that follows. */
  readonly firstDelay: number;
  readonly longestDelay: number;
}

/** What each class of errors means for a step on a fleet, which another worker may try. */
export const retryPolicies: Readonly<Record<RetryClass, RetryPolicy>> = {
  never: { attempts: 1, firstDelay: 0, longestDelay: 0 },
  "at-once": { attempts: 3, firstDelay: 0, longestDelay: 0 },
  // Whoever fails so has tried a dozen times by itself.
  few: { attempts: 4, firstDelay: 1_000, longestDelay: 30_000 },
  // About eight minutes.
  many: { attempts: 20, firstDelay: 1_000, longestDelay: 30_000 },
  // About ten minutes.
  "while-busy": { attempts: 40, firstDelay: 15_000, longestDelay: 15_000 },
  "for-ever": { attempts: Number.POSITIVE_INFINITY, firstDelay: 1_000, longestDelay: 30_000 },
};

/**
 * Milliseconds until a step is tried again that has failed so often with errors of a class; undefined where it is not.
 * @param jitter from 0 to 1: shortens the delay by as much as half, so that steps which failed together come back apart
 */
export function retryDelay(retry: RetryClass, failures: number, jitter: number): number | undefined {
  const { attempts, firstDelay, longestDelay } = retryPolicies[retry];
  if (failures >= attempts) return undefined;
  return Math.round(Math.min(longestDelay, firstDelay * 2 ** (failures - 1)) * (1 - jitter / 2));
}
