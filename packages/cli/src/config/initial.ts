import { settingGroups } from "./setting.js";
import { pathOf, type SettingKey, settingKeys, settingOf } from "./settings.js";
import { showValue } from "./values.js";

/**
 * Text of a `millrace.yaml` that changes nothing: every option with its meaning and its default, or an example where the
 * default is none. Options are commented out as `#key`, explanations as `# words`.
 */
export function initialConfig(): string {
  const groups = settingGroups.map((group) => {
    const keys = settingKeys.filter((key) => settingOf(key).group === group);
    const title = `# ---- ${group} ----\n\n`;
    return title + sectionHead(keys) + keys.map(entry).join("\n");
  });
  return `${heading}\n${groups.join("\n")}`;
}

const heading = `# Configuration of millrace. Take away the # before a key to set it.
# The command line goes before the environment, the environment before this file, this file before the defaults.
# \${NAME} and \${NAME:-default} stand for environment variables.
version: 1
`;

/** All options of a group lie in one section of the file, or none does. */
function sectionHead(keys: readonly SettingKey[]): string {
  const path = keys[0] === undefined ? "" : pathOf(keys[0]);
  return path.includes(".") ? `#${path.split(".")[0]}:\n` : "";
}

function entry(key: SettingKey): string {
  const { doc, flag, env, example, default: fallback, schema } = settingOf(key);
  const value = isNothing(fallback) && example !== undefined ? example : fallback;
  const [section, name] = pathOf(key).split(".") as [string, string?];
  const line = name === undefined ? `#${section}:` : `#  ${name}:`;
  const where = [...(flag === undefined ? [] : [flag]), ...env].join(", ");
  return `# ${doc}.\n# ${where}\n${line} ${showValue(value, schema)}\n`;
}

function isNothing(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}
