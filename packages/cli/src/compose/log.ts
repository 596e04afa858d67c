import type { Log } from "@millrace/core";
import { createJsonLog, createTextLog } from "@millrace/workers";
import type { Settings } from "../config/settings.js";

/** Writes log lines; as JSON each is an object, for people they are only there where a level is asked for. */
export async function openLog(
  { logLevel, logFormat }: Pick<Settings, "logLevel" | "logFormat">,
  write: (line: string) => void,
): Promise<Log> {
  return logFormat === "json" ? createJsonLog(logLevel ?? "info", write) : createTextLog(logLevel, write);
}
