import type { Log, LogLevel } from "@millrace/core";

/** Takes one line, its line feed included. */
type WriteLine = (line: string) => void;

/** JSON, one object a line: `level`, `time` (ISO 8601), `pid`, `hostname`, `message`, and the fields. */
export async function createJsonLog(level: LogLevel, write: WriteLine): Promise<Log> {
  const { pino } = await import("pino");
  const logger = pino(
    {
      level,
      messageKey: "message",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  return { level, write: (at, message, fields = {}) => logger[at](fields, message) };
}
