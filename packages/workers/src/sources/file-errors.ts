import { type ErrorDetails, MillraceError } from "@millrace/core";

/** The code Node puts on a system error, "" on anything else. */
export function systemCode(error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : "";
  return typeof code === "string" ? code : "";
}

/** True when the file or folder is no longer there. */
export function isGone(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ESTALE"].includes(systemCode(error));
}

/** Why a folder cannot be listed: E_SOURCE_MISSING, or E_IO where trying again may help. */
export function folderError(folder: string, error: unknown): MillraceError {
  const code = systemCode(error);
  if (isTransient(code)) return new MillraceError("E_IO", `Cannot list the folder "${folder}"`, reason(error));
  return new MillraceError("E_SOURCE_MISSING", `Cannot list the folder "${folder}"`, {
    ...reason(error),
    fix: isGone(error) ? "Check the path." : "Make it readable, or leave it out with an exclude pattern.",
  });
}

/** Why a listed file cannot be opened or read: it changed, it is unreadable, or E_IO where trying again may help. */
export function fileError(key: string, error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const code = systemCode(error);
  if (isGone(error)) return changedError(key, "it is no longer there");
  const what = `Cannot read "${key}"`;
  if (isTransient(code)) return new MillraceError("E_IO", what, reason(error));
  return new MillraceError("E_OBJECT_UNREADABLE", what, { ...reason(error), fix: "Make it readable, or exclude it." });
}

/** The object is no longer what was listed; the next listing will tell its new version. */
export function changedError(key: string, why: string): MillraceError {
  return new MillraceError("E_OBJECT_CHANGED", `"${key}" changed after it was listed`, {
    why,
    fix: "The next run reads it again.",
  });
}

/** Why the spool of standard input cannot be written. */
export function spoolError(folder: string, error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const code = systemCode(error);
  const what = `Cannot keep standard input in "${folder}"`;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new MillraceError("E_DISK_FULL", what, {
      ...reason(error),
      fix: "Free space there, or choose another folder.",
    });
  }
  if (["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"].includes(code)) {
    return new MillraceError("E_STORE_READ_ONLY", what, {
      ...reason(error),
      fix: "Choose a folder that can be written.",
    });
  }
  return new MillraceError("E_IO", what, reason(error));
}

function isTransient(code: string): boolean {
  return ["EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "EINTR", "EBUSY"].includes(code);
}

function reason(error: unknown): ErrorDetails {
  const message = typeof error === "object" && error !== null && "message" in error ? error.message : error;
  return { why: String(message), cause: error };
}
