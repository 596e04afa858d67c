import { type Log, redactor } from "@millrace/core";
import { openLog } from "./compose.js";
import { secretValues } from "./config/secrets.js";
import { type Settings, settingOf } from "./config/settings.js";
import { parseText } from "./config/values.js";
import type { LoadedSettings } from "./config.js";
import type { FailureOptions } from "./report/failure.js";

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
  const logFormat: Settings["logFormat"] = isService && origins.logFormat === "default" ? "json" : settings.logFormat;
  const redact = redactor(secretValues(environment, settings));
  const { stderr } = process;
  const log = await openLog({ ...settings, logFormat }, (line) => void stderr.write(redact(line)));
  return { isDebug: settings.debug, isJson: settings.json, redact, log, hasJsonLog: logFormat === "json" };
}
