import { inspect } from "node:util";
import { MillraceError } from "@millrace/core";
import { printable } from "./printable.js";

/** Exit code after Ctrl-C, as shells have it: 128 and the signal's number. */
export const interruptedExit = 130;

/** An error as a user sees it: one line with code, what, why and what to do; with `isDebug` its stack and causes below. */
export function formatError(error: unknown, isDebug: boolean): string {
  const known = asKnown(error);
  const line = printable(`error ${known.code}: ${known.message}`);
  return isDebug ? `${line}\n${inspect(error)}` : line;
}

/** The process's exit code when this error ends it: the code's own, 130 for an abort. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Error && error.name === "AbortError") return interruptedExit;
  return asKnown(error).facts.exit;
}

/** The error itself where it is one of ours, else one that says what it was. */
export function asKnown(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if ((error as NodeJS.ErrnoException | null)?.code === "ENOSPC")
    return new MillraceError("E_DISK_FULL", "no space is left", {
      why: message,
      fix: "Free some space and run again: it resumes",
    });
  return new MillraceError("E_INTERNAL", "something failed that never should", {
    why: message === "" ? "no reason was given" : message,
    fix: "Run again with --debug",
  });
}
