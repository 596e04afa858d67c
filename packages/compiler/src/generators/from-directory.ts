import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isRecord, type JsonFile, readJsonFile, requireJsonFile } from "../json.js";
import { findWeightFiles, openCheckpoint } from "../weights/checkpoint.js";
import type { GeneratorSource, TokenIds } from "./generator-source.js";

const settingNames = ["generation_config.json", "tokenizer_config.json", "special_tokens_map.json"] as const;
const templateName = "chat_template.jinja";

/** Reads a directory as transformers saved it. @throws E_MODEL_INVALID */
export async function readDirectorySource(path: string): Promise<GeneratorSource> {
  const config = await requireJsonFile(path, "config.json");
  await requireJsonFile(path, "tokenizer.json");
  const [generation, tokenizer] = await Promise.all(settingNames.map((name) => readJsonFile(join(path, name))));
  const weights = await findWeightFiles(path);
  const optional = await Promise.all(
    [...settingNames, templateName].map(async (name) => ((await isThere(path, name)) ? [name] : [])),
  );
  return {
    path,
    files: ["config.json", "tokenizer.json", ...optional.flat(), ...weights].sort(),
    config,
    tokenizer: { path: join(path, "tokenizer.json") },
    tokens: readTokens(config, generation),
    defaults: defaultsOf(generation, config),
    chatTemplate: await readTemplate(path, tokenizer),
    specialTokens: specialTokensOf(tokenizer),
    openWeights: (prefixes) => openCheckpoint(path, prefixes),
  };
}

async function isThere(path: string, name: string): Promise<boolean> {
  return access(join(path, name)).then(
    () => true,
    () => false,
  );
}

/** generation_config.json has the last word over config.json. */
function readTokens(config: JsonFile, generation: JsonFile | undefined): TokenIds {
  const ids = (field: string): readonly number[] => {
    const file = (generation?.values[field] ?? null) === null ? config : (generation as JsonFile);
    const value = file.values[field] ?? [];
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (list.every((id) => typeof id === "number" && Number.isSafeInteger(id) && id >= 0)) return list as number[];
    throw file.invalid(field, "it must be a token id or a list of them");
  };
  const one = (name: string, field: string) => (ids(field)[0] === undefined ? {} : { [name]: ids(field)[0] });
  return {
    ...one("beginning", "bos_token_id"),
    end: ids("eos_token_id"),
    ...one("padding", "pad_token_id"),
    ...one("decoderStart", "decoder_start_token_id"),
  };
}

/** Fields that say who wrote the file, not how to decode. */
const notDecoding = ["_from_model_config", "transformers_version"];

/** Fields of a config.json that say how to decode, where there is no generation_config.json yet. */
const decodingOfOld = [
  "bad_words_ids",
  "do_sample",
  "early_stopping",
  "forced_bos_token_id",
  "forced_eos_token_id",
  "length_penalty",
  "max_length",
  "min_length",
  "no_repeat_ngram_size",
  "num_beams",
  "renormalize_logits",
  "repetition_penalty",
  "temperature",
  "top_k",
  "top_p",
];

function defaultsOf(generation: JsonFile | undefined, config: JsonFile): Readonly<Record<string, unknown>> {
  const isDecoding = (name: string) =>
    generation === undefined ? decodingOfOld.includes(name) : !notDecoding.includes(name);
  return Object.fromEntries(Object.entries((generation ?? config).values).filter(([name]) => isDecoding(name)));
}

/** A file of its own, as transformers saves it since version 5, or a field: one template, or several by name. */
async function readTemplate(path: string, tokenizer: JsonFile | undefined): Promise<string | undefined> {
  if (await isThere(path, templateName)) return readFile(join(path, templateName), "utf8");
  const value = tokenizer?.values.chat_template;
  if (typeof value === "string") return value;
  const named: readonly unknown[] = Array.isArray(value) ? value : [];
  const usual = named.find((entry) => isRecord(entry) && entry.name === "default");
  return isRecord(usual) && typeof usual.template === "string" ? usual.template : undefined;
}

/** Spellings of the tokens that tokenizer_config.json names; each is a string, or an object with its content. */
function specialTokensOf(tokenizer: JsonFile | undefined): Readonly<Record<string, string>> {
  const entries = Object.entries(tokenizer?.values ?? {}).flatMap(([name, value]) => {
    if (!name.endsWith("_token")) return [];
    const content = isRecord(value) ? value.content : value;
    return typeof content === "string" ? [[name, content] as const] : [];
  });
  return Object.fromEntries(entries);
}
