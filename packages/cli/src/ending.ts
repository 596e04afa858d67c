import { MillraceError } from "@millrace/core";
import type { CommandContext } from "./command.js";
import { interruptedExit } from "./report/errors.js";
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

/** Of more rows in quarantine than a run may leave there; undefined where there are not. @param fix what to do about them */
export function quarantineError(quarantined: number, allowed: number, fix: string): MillraceError | undefined {
  if (quarantined <= allowed) return undefined;
  return new MillraceError("E_QUARANTINE", `${formatCountOf(quarantined, "row")} could not be indexed`, {
    why: `--max-quarantined allows ${allowed}; the rest is in the store`,
    fix,
  });
}
