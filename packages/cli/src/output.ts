import { type Log, redactor } from "@millrace/core";
import { secretValues } from "./config/secrets.js";
import { type Settings, settingOf } from "./config/settings.js";
import { parseText } from "./config/values.js";
import type { LoadedSettings } from "./config.js";
import type { FailureOptions } from "./report/failure.js";
import { createTextLog } from "./report/text-log.js";

/** How a process writes about what it does. */
export interface Output extends FailureOptions {
  /** Lines on stderr are JSON: everything that is said goes through the log. */
  readonly hasJsonLog: boolean;
  readonly log: Log;
}

/** What the command line says about output, for errors that come before it was understood. */
export function typedOutput(environment: NodeJS.ProcessEnv): FailureOptions {
  const isSet = (key: "json" | "debug") =>
    process.argv.includes(`--${key}`) ||
    settingOf(key).env.some((name) => parseText(environment[name] ?? "", settingOf(key).schema) === true);
  return { isDebug: isSet("debug"), isJson: isSet("json"), redact: redactor(secretValues(environment)) };
}

/** Output as the settings want it. @param isService its log is JSON where nobody asks for another format */
export async function openOutput(
  { settings, origins }: LoadedSettings,
  environment: NodeJS.ProcessEnv,
  isService: boolean,
): Promise<Output> {
  const hasJsonLog = (isService && origins.logFormat === "default") || settings.logFormat === "json";
  const redact = redactor(secretValues(environment, settings));
  const { stderr } = process;
  const write = (line: string) => void stderr.write(redact(line));
  const log = hasJsonLog ? await openJsonLog(settings, write) : createTextLog(settings.logLevel, write);
  return { isDebug: settings.debug, isJson: settings.json, redact, log, hasJsonLog };
}

/** What makes it is loaded only here: help and short commands need none of the workers' libraries. */
async function openJsonLog({ logLevel }: Settings, write: (line: string) => void): Promise<Log> {
  const { createJsonLog } = await import("./compose.js");
  return createJsonLog(logLevel ?? "info", write);
}
