import { exitCodeOf, formatError } from "./errors.js";

export interface FailureOptions {
  readonly isDebug: boolean;
  readonly isJson: boolean;
}

/** Ends a command with an error: one line on stderr, with --json a result on stdout. @returns the exit code */
export function reportFailure(error: unknown, { isDebug, isJson }: FailureOptions): number {
  process.stderr.write(`${formatError(error, isDebug)}\n`);
  const exitCode = exitCodeOf(error);
  const result = { type: "result", ok: false, exitCode, error: describeError(error) };
  if (isJson) process.stdout.write(`${JSON.stringify(result)}\n`);
  return exitCode;
}

/** Code and message, as a `result` event has them. */
export function describeError(error: unknown): { readonly code: string; readonly message: string } {
  const [, code = "", message = ""] = /^error (\S+): (.*)$/s.exec(formatError(error, false)) ?? [];
  return { code, message };
}
