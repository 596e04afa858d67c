/** How much a log says, from everything to what needs somebody. */
export const logLevels = ["trace", "debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * What a line of the log may hold besides its message: ids, names of steps, codes and numbers. Never text of a document, a
 * prompt or an answer.
 */
export interface LogFields {
  readonly job?: string;
  readonly shard?: string;
  /** Positions within the shard. */
  readonly batches?: readonly number[];
  readonly step?: string;
  readonly milliseconds?: number;
  /** Of an error. */
  readonly code?: string;
  /** An error in one line. */
  readonly error?: string;
  /** Who says it, where that is not millrace itself. */
  readonly source?: string;
  readonly [field: string]: string | number | boolean | readonly number[] | undefined;
}

/** Where everything goes that a process says of its work. Lines below its level cost nothing. */
export interface Log {
  readonly level: LogLevel | undefined;
  write(level: LogLevel, message: string, fields?: LogFields): void;
}

/** Whether a log of this level takes lines of that one; one without a level takes none. */
export function isTaken(level: LogLevel, from: LogLevel | undefined): boolean {
  return from !== undefined && logLevels.indexOf(level) >= logLevels.indexOf(from);
}
