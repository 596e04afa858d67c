import { join } from "node:path";
import { MillraceError } from "@millrace/core";
import { isRecord, type JsonFile, readJsonFile } from "./json.js";

/** Texts that a model wants before the texts it encodes. */
export interface Prompts {
  /** By name, as sentence-transformers keeps them. */
  readonly texts: Readonly<Record<string, string>>;
  /** What is put before a text where nothing else is said. */
  readonly defaultName?: string;
  /** False where a prompt's own tokens are to be left out of the pooling. */
  readonly isPooled: boolean;
}

export const promptsName = "config_sentence_transformers.json";

/** What config_sentence_transformers.json says about texts and vectors. */
export interface TextSettings {
  readonly prompts: Omit<Prompts, "isPooled">;
  /** Floats of each vector that are kept. */
  readonly dimensions?: number;
}

/** @throws E_MODEL_INVALID */
export async function readTextSettings(directory: string): Promise<TextSettings> {
  const file = await readJsonFile(join(directory, promptsName));
  if (file === undefined) return { prompts: { texts: {} } };
  const texts = readTexts(file);
  const { default_prompt_name: name = null, truncate_dim: dimensions = null } = file.values;
  if (name !== null && !(typeof name === "string" && Object.hasOwn(texts, name)))
    throw file.invalid("default_prompt_name", "it must name one of the prompts");
  return {
    prompts: { texts, ...(name !== null && { defaultName: name as string }) },
    ...(dimensions !== null && { dimensions: file.count("truncate_dim") }),
  };
}

function readTexts(file: JsonFile): Readonly<Record<string, string>> {
  const prompts = file.values.prompts ?? {};
  if (!isRecord(prompts) || !Object.values(prompts).every((text) => text === null || typeof text === "string"))
    throw file.invalid("prompts", "it must be an object of strings");
  return Object.fromEntries(Object.entries(prompts).map(([name, text]) => [name, (text as string | null) ?? ""]));
}

/** What a text is for: to be found, or to find others. */
export type TextRole = "document" | "query";

/** Names of the prompts that sentence-transformers takes for a role, the first that is there. */
const roleNames: Readonly<Record<TextRole, readonly string[]>> = {
  document: ["document", "passage", "corpus"],
  query: ["query"],
};

/**
 * The text to put before texts of a role: the one asked for (a prompt's name, or the text itself where it holds a space or
 * a colon, or is empty), else the role's own, else the model's default, else none.
 * @throws E_CONFIG for a name that the model does not have, E_MODEL_UNSUPPORTED where a prompt must not be pooled
 */
export function choosePrompt(prompts: Prompts, role: TextRole, wanted?: string): string {
  const text = wanted === undefined ? ownPrompt(prompts, role) : namedPrompt(prompts, wanted);
  if (text === "" || prompts.isPooled) return text;
  throw new MillraceError("E_MODEL_UNSUPPORTED", "the model leaves its prompt's tokens out of the pooling", {
    why: `include_prompt is false, and the prompt is ${JSON.stringify(text)}`,
    fix: "Choose another model, or give an empty prompt.",
  });
}

function ownPrompt({ texts, defaultName }: Prompts, role: TextRole): string {
  const name = roleNames[role].find((candidate) => Object.hasOwn(texts, candidate)) ?? defaultName;
  return name === undefined ? "" : (texts[name] ?? "");
}

function namedPrompt({ texts }: Prompts, wanted: string): string {
  if (Object.hasOwn(texts, wanted)) return texts[wanted] ?? "";
  if (wanted === "" || /[\s:]/.test(wanted)) return wanted;
  const names = Object.keys(texts);
  const own = names.length === 0 ? "it has none" : `it has ${names.join(", ")}`;
  throw new MillraceError("E_CONFIG", `the model has no prompt named ${JSON.stringify(wanted)}`, {
    why: own,
    fix: "Name one of the model's prompts, or give the text itself, such as 'passage: '.",
  });
}
