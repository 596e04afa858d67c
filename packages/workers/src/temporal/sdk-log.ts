import { asMillraceError, isTaken, type Log, type LogFields, type LogLevel } from "@millrace/core";
import { DefaultLogger, type LogEntry } from "@temporalio/worker";
import { fromFailure } from "./failures.js";

/** What of the SDK's own facts goes into a line, and under which name. */
const fieldNames: Readonly<Record<string, string>> = {
  workflowId: "workflow",
  runId: "run",
  workflowType: "workflowType",
  activityType: "step",
  attempt: "attempt",
  taskQueue: "queue",
  sdkComponent: "component",
};

/** The SDK's logger, over our log; without one, or where it takes nothing, errors go to stderr as the SDK writes them. */
export function sdkLogger(log: Log | undefined): DefaultLogger {
  const level = log?.level;
  if (log === undefined || level === undefined) return new DefaultLogger("ERROR");
  return new DefaultLogger(sdkLevels[level], ({ level: at, message, meta = {} }) => {
    log.write(ourLevels[at], message, { source: "temporal", ...fieldsOf(meta) });
  });
}

/** How much the SDK's native part is asked for: it says far more at each level than anyone else. */
export function coreLevel(log: Log | undefined): "DEBUG" | "WARN" | "ERROR" {
  if (isTaken("trace", log?.level)) return "DEBUG";
  return isTaken("info", log?.level) ? "WARN" : "ERROR";
}

const sdkLevels = { trace: "TRACE", debug: "DEBUG", info: "INFO", warn: "WARN", error: "ERROR" } as const;
const ourLevels: Readonly<Record<LogEntry["level"], LogLevel>> = {
  TRACE: "trace",
  DEBUG: "debug",
  INFO: "info",
  WARN: "warn",
  ERROR: "error",
};

/** Ids and names; arguments of a workflow or an activity are never among them. */
function fieldsOf({ error, ...meta }: NonNullable<LogEntry["meta"]>): LogFields {
  const known = Object.entries(fieldNames).flatMap(([from, to]) => {
    const value = meta[from];
    return typeof value === "string" || typeof value === "number" ? [[to, value] as const] : [];
  });
  if (error === undefined) return Object.fromEntries(known);
  const { code, message } = fromFailure(error) ?? asMillraceError(error, "E_INTERNAL", "a call failed");
  return { ...Object.fromEntries(known), code, error: message };
}
