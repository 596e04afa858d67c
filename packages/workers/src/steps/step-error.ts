import { asMillraceError, type MillraceError } from "@millrace/core";

/** What ended a step, in the product's words. */
export function asStepError(error: unknown): MillraceError {
  return asMillraceError(error, "E_INTERNAL", "a step failed");
}

/** By name, since they are Node's, Temporal's, and the orchestration's own. */
const cancellations: readonly string[] = ["AbortError", "CancelledFailure", "Interrupted"];

/** Whether a step was given up because nobody wants it any more, which is no fault of anything. */
export function isCancellation(error: unknown): boolean {
  return cancellations.includes((Object(error) as { readonly name?: string }).name ?? "");
}
