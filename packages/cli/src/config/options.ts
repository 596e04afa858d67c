import { Option } from "commander";
import { z } from "zod";
import { type SettingKey, settingOf } from "./settings.js";
import { kindOf, parseList, showValue } from "./values.js";

/** What the help of some settings says in place of their default. */
export type DefaultNotes = Readonly<Partial<Record<SettingKey, string>>>;

/**
 * Commander's options for these settings. They have no defaults and are not parsed here: what commander hands over goes
 * into `loadSettings` as it is.
 * @param instead what is said in place of a setting's default, where a command does not use it
 */
export function commandOptions(keys: readonly SettingKey[], instead: DefaultNotes = {}): readonly Option[] {
  return keys.flatMap((key) => {
    const { flag, schema, hasCommas } = settingOf(key);
    if (flag === undefined) return [];
    const option = new Option(flag, describe(key, instead[key]));
    return kindOf(schema) === "array" ? [option.argParser(hasCommas ? collectAll : collect)] : [option];
  });
}

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

function collectAll(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), ...parseList(value)];
}

/** The doc, then what may be given, the default or what is said instead, and the environment variable. */
function describe(key: SettingKey, instead: string | undefined): string {
  const { doc, schema, default: fallback, env, hasCommas } = settingOf(key);
  const notes = [
    ...(schema instanceof z.ZodEnum ? [`one of ${schema.options.join(", ")}`] : []),
    ...(kindOf(schema) === "array" ? [hasCommas ? "repeatable, or between commas" : "repeatable"] : []),
    ...(instead === undefined ? defaultNote(fallback, schema) : [instead]),
  ];
  return `${doc}${notes.length === 0 ? "" : ` (${notes.join("; ")})`} [env: ${env.join(", ")}]`;
}

/** A default of nothing, no or an empty list says itself. */
function defaultNote(value: unknown, schema: z.ZodType): readonly string[] {
  const saysItself = value === undefined || value === false || (Array.isArray(value) && value.length === 0);
  return saysItself ? [] : [`default ${showValue(value, schema)}`];
}
