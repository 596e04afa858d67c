import { access, stat } from "node:fs/promises";
import { isAbsolute, join, normalize, resolve } from "node:path";
import { MillraceError } from "@millrace/core";
import type { EncoderPlan } from "./architectures/architecture.js";
import { planEncoder } from "./architectures/registry.js";
import { type PoolingHead, poolingModes } from "./heads/pooling.js";
import { isRecord, JsonFile, readJsonFile, readJsonValue } from "./json.js";
import { findWeightFiles } from "./weights/checkpoint.js";

/** A model directory whose small files have been read and checked. */
export interface ModelDirectory {
  /** Absolute. */
  readonly path: string;
  /** Folder of config.json, weights and tokenizer; `path` itself, or a folder below that modules.json names. */
  readonly encoderPath: string;
  /** config.json's `model_type`. */
  readonly architecture: string;
  readonly encoder: EncoderPlan;
  readonly head: PoolingHead;
  /** Special tokens included. */
  readonly maxTokens: number;
  readonly tokenizerPath: string;
  /** Every file that goes into the compiled model, relative to `path`. */
  readonly files: readonly string[];
}

/**
 * Reads a directory as sentence-transformers or transformers saved it.
 * @throws E_MODEL_MISSING when it is not there, E_MODEL_INVALID or E_MODEL_UNSUPPORTED naming file and value.
 */
export async function readModelDirectory(directory: string): Promise<ModelDirectory> {
  const path = resolve(directory);
  await requireDirectory(path);
  const modules = await readModules(path);
  const encoderPath = join(path, modules.encoder);
  const config = await readJsonFile(join(encoderPath, "config.json"));
  if (config === undefined) throw notThere(encoderPath, "config.json");
  const encoder = planEncoder(config);
  await checkPrompts(path);
  const head = await readHead(path, modules, encoder.dimensions);
  const maxTokens = Math.min(encoder.maxTokens, await readTokenLimit(encoderPath));
  await checkTokenizer(encoderPath);
  const architecture = config.text("model_type");
  const tokenizerPath = join(encoderPath, "tokenizer.json");
  const files = await listFiles(path, modules);
  return { path, encoderPath, architecture, encoder, head, maxTokens, tokenizerPath, files };
}

async function requireDirectory(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return;
  const why = found === undefined ? "it does not exist" : "it is not a directory";
  const fix = "Name a directory that holds config.json, model.safetensors and tokenizer.json.";
  throw new MillraceError("E_MODEL_MISSING", `cannot open the model directory ${path}`, { why, fix });
}

/** Folders of the sentence-transformers modules, relative to the model directory. */
interface Modules {
  readonly encoder: string;
  /** Absent where there is no modules.json. */
  readonly pooling?: string;
  readonly isNormalized: boolean;
}

const modulesName = "modules.json";
const supportedModules = ["Transformer", "Pooling", "Normalize"];

/** Without modules.json the directory is a bare encoder, of which sentence-transformers takes the mean, not normalised. */
async function readModules(directory: string): Promise<Modules> {
  const path = join(directory, modulesName);
  const list = await readJsonValue(path);
  if (list === undefined) return { encoder: "", isNormalized: false };
  if (!Array.isArray(list) || !list.every(isRecord))
    throw new MillraceError("E_MODEL_INVALID", `cannot use ${path}`, { why: "it is not a list of modules" });
  const modules = list.map((values) => new JsonFile(path, values));
  const kinds = modules.map((module) => module.text("type").split(".").at(-1) ?? "");
  const stranger = modules[kinds.findIndex((kind, index) => kind !== supportedModules[index])];
  if (stranger !== undefined)
    throw stranger.unsupported("type", ["Transformer, then Pooling, then Normalize or nothing"]);
  const [encoder, pooling] = modules.map((module) => moduleFolder(module));
  if (encoder === undefined || pooling === undefined)
    throw new MillraceError("E_MODEL_INVALID", `cannot use ${path}`, { why: "it names no Transformer and Pooling" });
  return { encoder, pooling, isNormalized: kinds.length === supportedModules.length };
}

function moduleFolder(module: JsonFile): string {
  const folder = normalize(module.text("path", ""));
  if (isAbsolute(folder) || folder.startsWith("..")) throw module.invalid("path", "it must lie in the model directory");
  return folder;
}

/** A prompt that is put before every text changes every vector. */
async function checkPrompts(directory: string): Promise<void> {
  const file = await readJsonFile(join(directory, promptsName));
  const name = file?.values.default_prompt_name ?? null;
  if (file !== undefined && name !== null) throw file.unsupported("default_prompt_name", ["null"]);
}

async function readHead(directory: string, modules: Modules, dimensions: number): Promise<PoolingHead> {
  const { pooling: folder, isNormalized } = modules;
  if (folder === undefined) return { pooling: "mean", isNormalized };
  const file = await readJsonFile(join(directory, folder, "config.json"));
  if (file === undefined) throw notThere(join(directory, folder), "config.json");
  const sizeField = "embedding_dimension" in file.values ? "embedding_dimension" : "word_embedding_dimension";
  if (file.count(sizeField) !== dimensions) throw file.invalid(sizeField, `the encoder's hidden_size is ${dimensions}`);
  const [mode, ...others] = activePoolingModes(file);
  const pooling = poolingModes.find((known) => known === mode);
  if (pooling !== undefined && others.length === 0) return { pooling, isNormalized };
  const chosen = new JsonFile(file.path, { pooling_mode: [mode, ...others].join(" + ") });
  throw chosen.unsupported("pooling_mode", poolingModes);
}

/** The flags sentence-transformers wrote before version 5; the field `pooling_mode` overrides them. */
const poolingFlags: Readonly<Record<string, string>> = {
  pooling_mode_cls_token: "cls",
  pooling_mode_max_tokens: "max",
  pooling_mode_mean_tokens: "mean",
  pooling_mode_mean_sqrt_len_tokens: "mean_sqrt_len_tokens",
  pooling_mode_weightedmean_tokens: "weightedmean",
  pooling_mode_lasttoken: "lasttoken",
};

function activePoolingModes({ values }: JsonFile): readonly unknown[] {
  const mode = values.pooling_mode;
  if (mode !== undefined) return Array.isArray(mode) ? mode : [mode];
  const active = Object.entries(poolingFlags).flatMap(([flag, name]) => (values[flag] ? [name] : []));
  return active.length === 0 ? ["mean"] : active;
}

const lengthFields = [
  ["sentence_bert_config.json", "max_seq_length"],
  ["tokenizer_config.json", "model_max_length"],
] as const;

/** The smallest limit the directory sets; "no limit" is written as null, as 1e30, or not at all. */
async function readTokenLimit(directory: string): Promise<number> {
  let limit = Number.POSITIVE_INFINITY;
  for (const [name, field] of lengthFields) {
    const file = await readJsonFile(join(directory, name));
    if (file === undefined || (file.values[field] ?? null) === null) continue;
    limit = Math.min(limit, Math.floor(file.positive(field, Number.POSITIVE_INFINITY)));
  }
  return limit;
}

/** The tokenizer must be there, and lower-case texts itself where sentence-transformers was told to. */
async function checkTokenizer(directory: string): Promise<void> {
  const tokenizer = await readJsonFile(join(directory, "tokenizer.json"));
  if (tokenizer === undefined) throw notThere(directory, "tokenizer.json");
  const file = await readJsonFile(join(directory, "sentence_bert_config.json"));
  if (file?.values.do_lower_case && !/"lowercase":true|"Lowercase"/.test(JSON.stringify(tokenizer.values.normalizer)))
    throw file.unsupported("do_lower_case", ["false", "true with a tokenizer.json that lower-cases"]);
}

const promptsName = "config_sentence_transformers.json";
const encoderFiles = ["config.json", ...lengthFields.map(([name]) => name), "tokenizer.json"];

async function listFiles(directory: string, { encoder, pooling }: Modules): Promise<readonly string[]> {
  const weights = await findWeightFiles(join(directory, encoder));
  const names = [modulesName, promptsName, ...[...encoderFiles, ...weights].map((name) => join(encoder, name))];
  if (pooling !== undefined) names.push(join(pooling, "config.json"));
  const isThere = await Promise.all(
    names.map((name) =>
      access(join(directory, name)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return names.filter((_, index) => isThere[index]).sort();
}

function notThere(directory: string, name: string): MillraceError {
  const fix = "Name a directory that holds config.json, model.safetensors and tokenizer.json.";
  return new MillraceError("E_MODEL_INVALID", `${directory} is not a model directory`, {
    why: `it has no ${name}`,
    fix,
  });
}
