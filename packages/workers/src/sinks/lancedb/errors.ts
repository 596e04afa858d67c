import { MillraceError } from "@millrace/core";
import { diskFull, readOnly } from "../../blobs/file-errors.js";
import { storeMissing } from "../store-file.js";

/** Runs a call of LanceDB and turns its error into one of the E_STORE codes or E_DISK_FULL. */
export async function guarded<Result>(what: string, folder: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw lanceError(error, what, folder);
  }
}

/** LanceDB reports everything as text; the operating system's error number is in it. */
export function lanceError(error: unknown, what: string, folder: string): MillraceError {
  if (error instanceof MillraceError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const why = `${folder}: ${firstSentence(text)}`;
  const number = /\(os error (\d+)\)/.exec(text)?.[1];
  if (number === "28" || number === "122") return diskFull(what, why, error);
  if (number === "1" || number === "13" || number === "30") return readOnly(what, why, error);
  if (/Table '.*' was not found/.test(text)) return storeMissing(folder);
  if (text.includes("does not match existing table schema")) return foreignTable(what, why, error);
  return new MillraceError("E_STORE", what, { why, cause: error });
}

/** True when files vanished under a reader, as they do when the writer compacts the store. */
export function isCompactedAway(error: unknown): boolean {
  return error instanceof MillraceError && error.code === "E_STORE" && /not found|No such file/i.test(error.message);
}

function foreignTable(what: string, why: string, cause: unknown): MillraceError {
  const fix = "The folder holds a table named points that is not of this store; use another --store";
  return new MillraceError("E_STORE_SCHEMA", what, { why, fix, cause });
}

/** LanceDB appends its whole chain of causes with the places in its sources. */
function firstSentence(text: string): string {
  return (text.split(/\s+Caused by|, \/[^ ]*\.rs:/)[0] ?? text).trim();
}
