import { MillraceError } from "@millrace/core";
import type { CommandContext } from "./command.js";
import type { Settings } from "./config/settings.js";
import { interruptedExit } from "./report/errors.js";
import { describeError } from "./report/failure.js";
import { formatCountOf } from "./report/format.js";

/** What is said where the same command goes on from where it was stopped. */
export function goOnLine({ commandLine }: CommandContext): string {
  return `stopped; nothing is lost. Go on with:\n  ${commandLine}`;
}

/** Ends a command that was told to stop. @param facts of its result, beside that it was @returns the exit code */
export function endInterrupted({ say, reporter }: CommandContext, line: string, facts: object = {}): number {
  reporter.finish();
  say(line);
  reporter.event("result", { ok: false, exitCode: interruptedExit, interrupted: true, ...facts });
  return interruptedExit;
}

/** Ends a command that did what it was told, but for the error. @param facts of its result @returns the exit code */
export function endDone({ warn, reporter }: CommandContext, error: MillraceError | undefined, facts: object): number {
  if (error !== undefined) warn(error);
  const exitCode = error?.facts.exit ?? 0;
  const failure = error && { error: describeError(error) };
  reporter.event("result", { ok: error === undefined, exitCode, ...failure, ...facts });
  return exitCode;
}

/** How a command says that some of its rows are missing. */
export interface MissingRows {
  /** One of them. */
  readonly unit?: string;
  /** What could not be done with them. */
  readonly done?: string;
  /** What became of the others. */
  readonly others?: string;
  /** What to do about them. */
  readonly fix: string;
}

/** Of more rows in quarantine than a run may leave there; undefined where there are not. */
export function quarantineError(
  quarantined: number,
  { maxQuarantined }: Pick<Settings, "maxQuarantined">,
  { unit = "row", done = "indexed", others = "the rest is in the store", fix }: MissingRows,
): MillraceError | undefined {
  if (quarantined <= maxQuarantined) return undefined;
  return new MillraceError("E_QUARANTINE", `${formatCountOf(quarantined, unit)} could not be ${done}`, {
    why: `--max-quarantined allows ${maxQuarantined}; ${others}`,
    fix,
  });
}
