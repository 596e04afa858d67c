import { MillraceError } from "@millrace/core";

/** The part of a Node.js system error that tells what went wrong. */
interface SystemError {
  readonly code: string;
  readonly message: string;
}

/** True for an error of the operating system with one of these codes, such as "ENOENT". */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return isSystemError(error) && codes.includes(error.code);
}

/**
 * Turns a file system's error into E_DISK_FULL, E_STORE_READ_ONLY or E_IO, naming the path and what to do.
 * A MillraceError stays as it is. `what` is the sentence's first half, such as "cannot write a blob".
 */
export function fileError(error: unknown, what: string, path: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const code = isSystemError(error) ? error.code : "";
  const why = `${path}: ${error instanceof Error ? error.message : String(error)}`;
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(what, why, error);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") return readOnly(what, why, error);
  return new MillraceError("E_IO", what, { why, cause: error });
}

/** E_DISK_FULL with the way out. */
export function diskFull(what: string, why: string, cause: unknown): MillraceError {
  const fix = "Free space there or choose another place, then run the same command again; finished work is kept";
  return new MillraceError("E_DISK_FULL", what, { why, fix, cause });
}

/** E_STORE_READ_ONLY with the way out. */
export function readOnly(what: string, why: string, cause: unknown): MillraceError {
  const fix = "Make the place writable for this user or choose another one";
  return new MillraceError("E_STORE_READ_ONLY", what, { why, fix, cause });
}

function isSystemError(error: unknown): error is SystemError {
  return typeof error === "object" && error !== null && "code" in error && typeof error.code === "string";
}
