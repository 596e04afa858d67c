import { setTimeout as sleep } from "node:timers/promises";
import type { TransferLimits } from "./model.js";

/** A request that failed, and whether the same request may succeed later. */
export class TransferError extends Error {
  override readonly name = "TransferError";
  readonly isRetryable: boolean;
  /** HTTP status; undefined where there was no answer. */
  readonly status: number | undefined;
  /** The wait the other side asked for. */
  readonly retryAfterMs: number | undefined;
  /** What the user can do. */
  readonly fix: string | undefined;

  constructor(message: string, details: TransferErrorDetails) {
    super(message, { cause: details.cause });
    this.isRetryable = details.isRetryable;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.fix = details.fix;
  }
}

export interface TransferErrorDetails {
  readonly isRetryable: boolean;
  readonly status?: number;
  readonly retryAfterMs?: number | undefined;
  readonly fix?: string;
  readonly cause?: unknown;
}

export interface RetryPolicy {
  readonly limits: TransferLimits;
  /** Tries where nothing answers at all; `limits.attempts` by default. */
  readonly unreachableAttempts?: number;
  readonly signal?: AbortSignal | undefined;
  readonly report: (line: string) => void;
  /** Told of each failure after which the request is repeated. */
  readonly onRetry?: ((error: TransferError) => void) | undefined;
  /** Grows with every byte that arrives; tries that made progress are not counted. */
  readonly progress?: () => number;
}

/** Runs `attempt` until it succeeds, fails for good, or has failed too often without progress. */
export async function retrying<Result>(attempt: () => Promise<Result>, policy: RetryPolicy): Promise<Result> {
  let reached = policy.progress?.() ?? 0;
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      policy.signal?.throwIfAborted();
      const now = policy.progress?.() ?? 0;
      if (now > reached) failures = 1;
      reached = now;
      if (!(error instanceof TransferError) || !error.isRetryable) throw error;
      if (failures >= allowedAttempts(error, policy)) throw error;
      const delay = delayBefore(failures, { limits: policy.limits, retryAfterMs: error.retryAfterMs });
      if (delay === undefined) throw error;
      policy.onRetry?.(error);
      policy.report(`${error.message}; trying again in ${(delay / 1000).toFixed(1)} s`);
      await sleep(delay, undefined, policy.signal === undefined ? {} : { signal: policy.signal });
    }
  }
}

function allowedAttempts(error: TransferError, { limits, unreachableAttempts }: RetryPolicy): number {
  return error.status === undefined
    ? Math.min(limits.attempts, unreachableAttempts ?? limits.attempts)
    : limits.attempts;
}

/**
 * Milliseconds to wait after the nth failure, n from 1: full jitter, never less than what the other side asked for.
 * Undefined where it asked for more than the limit.
 */
export function delayBefore(
  failures: number,
  {
    limits,
    retryAfterMs = 0,
    random = Math.random,
  }: { limits: TransferLimits; retryAfterMs?: number | undefined; random?: () => number },
): number | undefined {
  if (retryAfterMs > limits.maxRetryAfterMs) return undefined;
  return retryAfterMs + random() * Math.min(limits.maxDelayMs, limits.baseDelayMs * 2 ** failures);
}

/** Milliseconds in a `Retry-After` header: seconds, or a date. */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
