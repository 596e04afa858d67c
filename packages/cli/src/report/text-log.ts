import { isTaken, type Log, type LogLevel } from "@millrace/core";

/** A log for people: `debug encode done shard=000000-000000-2c0c3fba milliseconds=12`. Without a level it takes nothing. */
export function createTextLog(level: LogLevel | undefined, write: (line: string) => void): Log {
  return {
    level,
    write(at, message, fields = {}) {
      if (!isTaken(at, level)) return;
      const shown = Object.entries(fields).flatMap(([name, value]) =>
        value === undefined ? [] : [`${name}=${value}`],
      );
      write(`${[at, message, ...shown].join(" ")}\n`);
    },
  };
}
