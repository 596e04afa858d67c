import { readFile } from "node:fs/promises";
import { MillraceError } from "@millrace/core";
import { isMap, isScalar, LineCounter, type ParsedNode, parseAllDocuments, type YAMLMap } from "yaml";
import { interpolate } from "./interpolate.js";
import { keyOfPath, pathOf, type SettingKey, settingKeys, settingOf } from "./settings.js";
import { suggest } from "./suggest.js";
import { checkValue, parseText } from "./values.js";

/** A valid value in the file, with its place as `file:line:column`. */
export interface FileValue {
  readonly value: unknown;
  readonly place: string;
}

/** Reads a configuration file. @throws E_CONFIG with file, line and column */
export async function readConfigFile(
  file: string,
  context: ConfigContext,
): Promise<ReadonlyMap<SettingKey, FileValue>> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new MillraceError("E_CONFIG", `the configuration file ${file} cannot be read`, {
      why: error.code === "ENOENT" ? "it does not exist" : error.message,
      fix: "Check --config, or make one with: millrace config init",
    });
  });
  return parseConfig(text, context);
}

/** The options in a configuration text, variables put in. Keys without a value count as not given. */
export function parseConfig(text: string, context: ConfigContext): ReadonlyMap<SettingKey, FileValue> {
  const lines = new LineCounter();
  const placeOf = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${context.path}:${line}:${col}`;
  };
  const parsed = parseAllDocuments<ParsedNode>(text, { lineCounter: lines, prettyErrors: false });
  const [document, second] = "empty" in parsed ? [] : parsed;
  if (second !== undefined) throw wrong(placeOf(second.range[0]), "a second document begins here", "Keep one");
  const error = document?.errors[0];
  if (error !== undefined) throw wrong(placeOf(error.pos[0]), error.message, "Correct the YAML");
  if (document === undefined || document.contents === null || isEmpty(document.contents)) return new Map();
  if (!isMap(document.contents))
    throw wrong(placeOf(document.contents.range[0]), "these are no keys and values", "Write key: value");
  const values = new Map<SettingKey, FileValue>();
  const reader = {
    values,
    placeOf,
    environment: context.environment,
    toValue: (node: ParsedNode) => node.toJS(document),
  };
  readMap(document.contents, "", reader);
  return values;
}

export interface ConfigContext {
  /** As it is shown in errors and origins. */
  readonly path: string;
  readonly environment: NodeJS.ProcessEnv;
}

interface Reader {
  readonly values: Map<SettingKey, FileValue>;
  readonly environment: NodeJS.ProcessEnv;
  placeOf(offset: number): string;
  toValue(node: ParsedNode): unknown;
}

function readMap(map: YAMLMap.Parsed, section: string, reader: Reader): void {
  for (const { key, value: node } of map.items) {
    const name = section + String(isScalar(key) ? key.value : key);
    const place = reader.placeOf(key.range[0]);
    const option = keyOfPath(name);
    if (option !== undefined) readOption(option, node, { ...reader, place });
    else if (name === "version") checkVersion(node, { ...reader, place });
    else if (!isSection(name)) throw unknownKey(name, place);
    else if (isMap(node)) readMap(node, `${name}.`, reader);
    else if (node !== null && !isEmpty(node))
      throw wrong(place, `${name} is a section`, "Write its keys below it, indented");
  }
}

function readOption(option: SettingKey, node: ParsedNode | null, reader: Reader & { place: string }): void {
  if (node === null || isEmpty(node)) return;
  const place = reader.placeOf(node.range[0]);
  const filled = fill(reader.toValue(node), { option, place, environment: reader.environment });
  if (filled === "") return;
  const checked = checkValue(filled, settingOf(option).schema);
  if ("problem" in checked) {
    const { doc, isSecret } = settingOf(option);
    const problem = isSecret ? "its value is not allowed" : checked.problem;
    throw wrong(place, `${pathOf(option)}: ${problem}`, `It is: ${doc}`);
  }
  reader.values.set(option, { value: checked.value, place });
}

/** A text with variables is read as a flag's would be, so that `${HOSTS}` can be a number. */
function fill(value: unknown, context: { option: SettingKey; place: string; environment: NodeJS.ProcessEnv }): unknown {
  if (Array.isArray(value))
    return value.map((item) => (typeof item === "string" ? fillText(item, context).text : item));
  if (typeof value !== "string") return value;
  const { text, hasVariables } = fillText(value, context);
  return hasVariables && text !== "" ? parseText(text, settingOf(context.option).schema) : text;
}

function fillText(text: string, { place, environment }: { place: string; environment: NodeJS.ProcessEnv }) {
  const filled = interpolate(text, environment);
  if (filled.missing === undefined) return filled;
  const name = filled.missing;
  throw wrong(place, `the environment variable ${name} is not set`, `Set it, or write \${${name}:-default}`);
}

function checkVersion(node: ParsedNode | null, reader: Reader & { place: string }): void {
  const version = node === null ? null : reader.toValue(node);
  if (version !== 1) throw wrong(reader.place, `version ${JSON.stringify(version)} is not known`, "Write version: 1");
}

function isSection(name: string): boolean {
  return settingKeys.some((key) => pathOf(key).startsWith(`${name}.`));
}

function isEmpty(node: ParsedNode): boolean {
  return isScalar(node) && node.value === null;
}

function unknownKey(name: string, place: string): MillraceError {
  const meant = suggest(name, [...settingKeys.map(pathOf), ...settingKeys, "version"]);
  const path =
    meant === undefined ? undefined : (settingKeys.map(pathOf).find((path) => path.endsWith(meant)) ?? meant);
  const fix = path === undefined ? "All keys are listed by: millrace config init" : `Did you mean ${path}?`;
  return wrong(place, `the key ${name} is unknown`, fix);
}

function wrong(place: string, why: string, fix: string): MillraceError {
  return new MillraceError("E_CONFIG", `the configuration is wrong at ${place}`, { why, fix });
}
