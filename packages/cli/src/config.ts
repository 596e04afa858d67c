import { access } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { MillraceError } from "@millrace/core";
import type { ConfigContext, FileValue } from "./config/file.js";
import { resolvePath } from "./config/paths.js";
import { pathOf, type SettingKey, type Settings, settingKeys, settingOf } from "./config/settings.js";
import { checkValue, parseText } from "./config/values.js";

/** Name of the configuration file that is read where a command is run. */
export const configFileName = "millrace.yaml";

export interface SettingsInput {
  /** Options of the command line by their keys, as commander gives them; those not given are undefined. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: NodeJS.ProcessEnv;
  /** The file named with `--config`; by default `millrace.yaml` in the working directory, where there is one. */
  readonly configFile?: string;
  readonly workingDirectory: string;
}

export interface LoadedSettings {
  readonly settings: Settings;
  /** `flag --top`, `environment MILLRACE_TOP`, `millrace.yaml:3:6` or `default`. */
  readonly origins: Readonly<Record<SettingKey, string>>;
}

/**
 * Every option's value: the command line's before the environment's, the file's, and the default.
 * @throws E_CONFIG or E_USAGE that name the place
 */
export async function loadSettings(input: SettingsInput): Promise<LoadedSettings> {
  const file = await findConfigFile(input);
  const shown = file === undefined ? "" : relative(input.workingDirectory, file);
  const inFile = file === undefined ? new Map() : await readFileLazily(file, { ...input, path: shown });
  const base = file === undefined || dirname(file) === resolve(input.workingDirectory) ? undefined : dirname(file);
  const found = settingKeys.map((key) => ({ key, ...findValue(key, { ...input, inFile, base }) }));
  return {
    settings: Object.fromEntries(found.map(({ key, value }) => [key, value])) as Settings,
    origins: Object.fromEntries(found.map(({ key, origin }) => [key, origin])) as Record<SettingKey, string>,
  };
}

/** The YAML library takes longer to load than all else here; most runs have no file. */
async function readFileLazily(file: string, context: ConfigContext): Promise<ReadonlyMap<SettingKey, FileValue>> {
  const { readConfigFile } = await import("./config/file.js");
  return readConfigFile(file, context);
}

/** The process's environment. Nothing else in the product reads it. */
export function readEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}

/**
 * LanceDB writes notes about its indexes to stderr. ONNX Runtime reports to its makers what it runs and for how long, and
 * leaves the id of the machine in the folder for temporary files. Neither takes any other word against it than a variable.
 */
export function silenceVendors(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
  process.env.LANCEDB_LOG ??= "error";
}

async function findConfigFile({
  configFile,
  environment,
  workingDirectory,
}: SettingsInput): Promise<string | undefined> {
  const named = configFile ?? environment.MILLRACE_CONFIG;
  if (named) return resolve(workingDirectory, named);
  const usual = resolve(workingDirectory, configFileName);
  return access(usual).then(
    () => usual,
    () => undefined,
  );
}

interface Found {
  readonly value: unknown;
  readonly origin: string;
}

interface Places extends SettingsInput {
  readonly inFile: ReadonlyMap<SettingKey, FileValue>;
  /** Folder that the file's relative paths are meant from, where it is not the working directory. */
  readonly base: string | undefined;
}

function findValue(key: SettingKey, places: Places): Found {
  const setting = settingOf(key);
  const flag = places.flags[key];
  if (flag !== undefined)
    return given(key, flag, { origin: `flag ${setting.flag?.split(" ")[0] ?? key}`, code: "E_USAGE" });
  const variable = setting.env.find((name) => places.environment[name]);
  const text = variable === undefined ? undefined : places.environment[variable];
  if (text !== undefined) return given(key, text, { origin: `environment ${variable}`, code: "E_CONFIG" });
  const inFile = places.inFile.get(key);
  if (inFile === undefined) return { value: asPath(key, setting.default), origin: "default" };
  return { value: asPath(key, inFile.value, places.base), origin: inFile.place };
}

function given(
  key: SettingKey,
  raw: unknown,
  { origin, code }: { origin: string; code: "E_USAGE" | "E_CONFIG" },
): Found {
  const { schema, doc, isSecret } = settingOf(key);
  const checked = checkValue(typeof raw === "string" ? parseText(raw, schema) : raw, schema);
  if ("value" in checked) return { value: asPath(key, checked.value), origin };
  const why = isSecret ? "its value is not allowed" : checked.problem;
  throw new MillraceError(code, `${origin} cannot be used for ${pathOf(key)}`, { why, fix: `It is: ${doc}` });
}

function asPath(key: SettingKey, value: unknown, base?: string): unknown {
  const { isPath } = settingOf(key);
  if (typeof value !== "string" || isPath === undefined) return value;
  if (isPath === "explicit" && !/^(\.{1,2}|~)([\\/]|$)/.test(value)) return value;
  return resolvePath(value, base === undefined ? {} : { base });
}
