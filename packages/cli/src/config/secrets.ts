import { type Settings, settingKeys, settingOf } from "./settings.js";

/** Variables that others' libraries read a secret from, by their names or by how those end. */
const secretVariable =
  /(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD)$|^AWS_ACCESS_KEY_ID$|^OTEL_EXPORTER_OTLP(?:_TRACES)?_HEADERS$/;

/** Values that must never be shown, of the settings and of the environment that vendors read by themselves. */
export function secretValues(environment: NodeJS.ProcessEnv, settings?: Settings): readonly string[] {
  const set =
    settings === undefined ? [] : settingKeys.filter((key) => settingOf(key).isSecret).map((key) => settings[key]);
  const variables = Object.entries(environment).flatMap(([name, value]) => (secretVariable.test(name) ? [value] : []));
  // A variable may hold several, between commas and behind names.
  return [...set, ...variables.flatMap((value) => [value, ...(value?.split(/[,=]/) ?? [])])].flat().filter(isText);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
