import type { Log, MillraceError } from "@millrace/core";
import type { DefaultNotes } from "./config/options.js";
import type { SettingKey, Settings } from "./config/settings.js";
import type { LoadedSettings } from "./config.js";
import type { Reporter } from "./report.js";

/** What a command works with. */
export interface CommandContext {
  readonly settings: Settings;
  readonly loaded: LoadedSettings;
  readonly reporter: Reporter;
  /** One line to the user, on stderr; nothing with --quiet. */
  readonly say: (line: string) => void;
  /** One line to the user that --quiet does not silence; an error as it is shown when it ends a command. */
  readonly warn: (line: string | MillraceError) => void;
  /** What is done, for whoever looks into it. */
  readonly log: Log;
  /** Strikes out secrets. */
  readonly redact: (text: string) => string;
  /** Writes data to stdout. */
  readonly print: (text: string) => void;
  readonly standardInput: AsyncIterable<Uint8Array>;
  /** The command as it was typed, to be shown where it should be run again. */
  readonly commandLine: string;
  /** Fires at the first Ctrl-C or SIGTERM. */
  readonly stop: AbortSignal;
}

/** A command's module. @returns the process's exit code. */
export interface CommandModule {
  run(context: CommandContext, args: readonly string[]): Promise<number>;
}

/** A command as `--help` shows it; its module is loaded only when it is run. */
export interface CommandFacts {
  /** `index`, or `models pull`. */
  readonly name: string;
  /** Commander's notation: `<required>`, `[optional]`. */
  readonly parameters: string;
  readonly summary: string;
  readonly settings: readonly SettingKey[];
  /** What its help says in place of a setting's default that it does not use. */
  readonly defaults?: DefaultNotes;
  /** Runs unattended: what it says is JSON where nobody asks for another format. */
  readonly isService?: true;
  readonly load: () => Promise<CommandModule>;
}
