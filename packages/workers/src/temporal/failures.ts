import {
  asMillraceError,
  type ErrorCode,
  errorTable,
  MillraceError,
  type RetryClass,
  retryDelay,
} from "@millrace/core";
import { ApplicationFailure } from "@temporalio/common";

/** What of an error travels: its code and its words, without stack or cause. */
interface FailureDetails {
  readonly what: string;
  readonly why?: string;
  readonly fix?: string;
}

/** How often a step has failed, by class of errors: what may be tried a few times is not used up by what is tried for ever. */
export type FailureCounts = { readonly [Class in RetryClass]?: number };

/** The same with one more of an error's class. */
export function countFailure(counts: FailureCounts, error: unknown): FailureCounts {
  const { retry } = ourError(error).facts;
  return { ...counts, [retry]: (counts[retry] ?? 0) + 1 };
}

/** Strikes out secrets of a text. */
export type Redact = (text: string) => string;

/** An error as Temporal carries it, and when it is to be tried again. @param counts of the step's failures, this one included */
export function toFailure(error: unknown, counts: FailureCounts, redact: Redact = (text) => text): ApplicationFailure {
  const { code, message, what, why, fix, facts } = ourError(error);
  const details: FailureDetails = {
    what: redact(what),
    ...(why === undefined ? {} : { why: redact(why) }),
    ...(fix === undefined ? {} : { fix: redact(fix) }),
  };
  const delay = retryDelay(facts.retry, counts[facts.retry] ?? 1, Math.random());
  return ApplicationFailure.create({
    type: code,
    message: redact(message),
    details: [details],
    // Temporal takes a delay of nothing for no further attempt.
    ...(delay === undefined ? { nonRetryable: true } : { nextRetryDelay: Math.max(1, delay) }),
  });
}

function ourError(error: unknown): MillraceError {
  return asMillraceError(error, "E_INTERNAL", "a step failed");
}

/** The error a failed workflow carries innermost, as it was thrown; undefined where it carries none of ours. */
export function fromFailure(error: unknown): MillraceError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof MillraceError) return cause;
    if (!(cause instanceof ApplicationFailure) || !isCode(cause.type)) continue;
    const [details] = (cause.details ?? []) as FailureDetails[];
    return new MillraceError(cause.type, details?.what ?? cause.message, { ...details, cause: error });
  }
  return undefined;
}

function isCode(type: string | undefined | null): type is ErrorCode {
  return typeof type === "string" && type in errorTable;
}
