import { inspect } from "node:util";
import type { Log } from "@millrace/core";
import { asKnown, exitCodeOf, formatError } from "./errors.js";

/** How a command ends with an error. */
export interface FailureOptions {
  readonly isDebug: boolean;
  readonly isJson: boolean;
  /** Strikes out secrets. */
  readonly redact: (text: string) => string;
  /** Where the error goes in place of a line for people. */
  readonly log?: Log | undefined;
}

/** Ends a command with an error: one line on stderr, with --json a result on stdout. @returns the exit code */
export function reportFailure(error: unknown, { isDebug, isJson, redact, log }: FailureOptions): number {
  if (log === undefined) process.stderr.write(`${redact(formatError(error, isDebug))}\n`);
  else logError(log, error, isDebug);
  const exitCode = exitCodeOf(error);
  const result = { type: "result", ok: false, exitCode, error: describeError(error) };
  if (isJson) process.stdout.write(`${redact(JSON.stringify(result))}\n`);
  return exitCode;
}

/** An error as a line of a log: its code is a field. */
export function logError(log: Log, error: unknown, isDebug = false): void {
  const { code, message } = asKnown(error);
  log.write("error", message, { code, ...(isDebug && { stack: inspect(error) }) });
}

/** Code and message, as a `result` event has them. */
export function describeError(error: unknown): { readonly code: string; readonly message: string } {
  const [, code = "", message = ""] = /^error (\S+): (.*)$/s.exec(formatError(error, false)) ?? [];
  return { code, message };
}
