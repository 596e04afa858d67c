import { asMillraceError, type ErrorCode, errorTable, MillraceError } from "@millrace/core";
import { ApplicationFailure } from "@temporalio/common";

/** What of an error travels: its code and its words, without stack or cause. */
interface FailureDetails {
  readonly what: string;
  readonly why?: string;
  readonly fix?: string;
}

/** An error as Temporal carries it; whether it is tried again is what the table of errors says. */
export function toFailure(error: unknown): ApplicationFailure {
  const { code, message, what, why, fix, facts } = asMillraceError(error, "E_INTERNAL", "a step failed");
  const details: FailureDetails = {
    what,
    ...(why === undefined ? {} : { why }),
    ...(fix === undefined ? {} : { fix }),
  };
  return ApplicationFailure.create({
    type: code,
    message,
    nonRetryable: !facts.isRetryable,
    details: [details],
  });
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
