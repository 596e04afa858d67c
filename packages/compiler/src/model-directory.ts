import { access, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { MillraceError, truncationSides } from "@millrace/core";
import type { EncoderPlan } from "./architectures/architecture.js";
import { cutHead, type HeadModule, vectorWidth } from "./heads/head.js";
import { readHead } from "./heads/read-head.js";
import { readJsonFile, requireJsonFile } from "./json.js";
import { modulesName, readModules } from "./modules.js";
import { type Prompts, promptsName, readTextSettings } from "./prompts.js";
import { type ReadEncoder, readEncoder } from "./read-encoder.js";
import { findWeightFiles } from "./weights/checkpoint.js";
import type { WeightPlaces } from "./weights/model-weights.js";

/** A model directory whose small files have been read and checked. */
export interface ModelDirectory extends WeightPlaces {
  /** config.json's `model_type`. */
  readonly architecture: string;
  readonly encoder: EncoderPlan;
  readonly head: readonly HeadModule[];
  readonly prompts: Prompts;
  /** Special tokens included. */
  readonly maxTokens: number;
  readonly tokenizerPath: string;
  /** Every file that goes into the compiled model, relative to `path`. */
  readonly files: readonly string[];
}

export interface DirectoryOptions {
  /** Floats of each vector to keep; by default what the model says, else all. */
  readonly dimensions?: number;
  /** An exported graph to use in place of the weights, relative to the directory. */
  readonly onnxFile?: string;
}

/**
 * Reads a directory as sentence-transformers or transformers saved it.
 * @throws E_MODEL_MISSING when it is not there, E_MODEL_INVALID or E_MODEL_UNSUPPORTED naming file and value, E_CONFIG for
 * more dimensions than there are.
 */
export async function readModelDirectory(directory: string, options: DirectoryOptions = {}): Promise<ModelDirectory> {
  const path = resolve(directory);
  await requireDirectory(path);
  const modules = await readModules(path);
  const encoderFolder = modules?.[0]?.folder ?? "";
  const encoderPath = join(path, encoderFolder);
  const found = await readEncoder({ path, folder: encoderFolder, modules, onnxFile: options.onnxFile });
  const { architecture, parameters: graphParameters } = found;
  const read = await readHead(path, modules?.slice(1) ?? [], found.encoder);
  const { encoder, head: whole } = pooledApart(found, read.head);
  const { prompts, dimensions: ownDimensions } = await readTextSettings(path);
  const head = cutTo(whole, encoder.dimensions, options.dimensions ?? ownDimensions);
  await checkTokenizer(encoderPath);
  const ofEncoder = graphParameters === undefined ? { encoderPath } : { graphParameters };
  const places = { path, ...ofEncoder, prefixes: encoder.prefixes, folders: foldersOf(head) };
  return {
    ...places,
    architecture,
    encoder,
    head,
    prompts: { ...prompts, isPooled: read.isPromptPooled },
    maxTokens: Math.min(encoder.maxTokens, await readTokenLimit(encoderPath)),
    tokenizerPath: join(encoderPath, "tokenizer.json"),
    files: await listFiles(path, encoderFolder, [
      ...found.files,
      ...read.files,
      ...(await weightFiles(path, places.folders)),
    ]),
  };
}

async function requireDirectory(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return;
  const why = found === undefined ? "it does not exist" : "it is not a directory";
  const fix = "Name a directory that holds config.json, model.safetensors and tokenizer.json.";
  throw new MillraceError("E_MODEL_MISSING", `cannot open the model directory ${path}`, { why, fix });
}

/** An exported graph that makes vectors by itself leaves nothing to the head, but that they stay as long as they were. */
function pooledApart({ encoder, pooled }: ReadEncoder, head: readonly HeadModule[]) {
  if (pooled === undefined) return { encoder, head };
  const dimensions = pooled.width ?? vectorWidth(head, encoder.dimensions);
  const rest = head.filter((module, index) => module.kind === "normalize" && index === head.length - 1);
  return { encoder: { ...encoder, dimensions }, head: rest };
}

function cutTo(head: readonly HeadModule[], width: number, dimensions: number | undefined): readonly HeadModule[] {
  const whole = vectorWidth(head, width);
  if (dimensions === undefined || dimensions === whole) return head;
  if (Number.isSafeInteger(dimensions) && dimensions >= 1 && dimensions < whole) return cutHead(head, dimensions);
  throw new MillraceError("E_CONFIG", `vectors cannot be cut to ${dimensions} dimensions`, {
    why: `the model's have ${whole}`,
    fix: `Give a whole number from 1 to ${whole}.`,
  });
}

function foldersOf(head: readonly HeadModule[]): readonly string[] {
  return head.flatMap((module) => ("folder" in module ? [module.folder] : []));
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

/** The tokenizer must be there, lower-case texts itself where sentence-transformers was told to, and cut one of their ends. */
async function checkTokenizer(directory: string): Promise<void> {
  const tokenizer = await requireJsonFile(directory, "tokenizer.json");
  const file = await readJsonFile(join(directory, "sentence_bert_config.json"));
  if (file?.values.do_lower_case && !/"lowercase":true|"Lowercase"/.test(JSON.stringify(tokenizer.values.normalizer)))
    throw file.unsupported("do_lower_case", ["false", "true with a tokenizer.json that lower-cases"]);
  const settings = await readJsonFile(join(directory, "tokenizer_config.json"));
  const side = settings?.text("truncation_side", "right");
  if (settings !== undefined && !truncationSides.some((known) => known === side))
    throw settings.unsupported("truncation_side", truncationSides);
}

const encoderFiles = ["config.json", ...lengthFields.map(([name]) => name), "tokenizer.json"];

async function weightFiles(directory: string, folders: readonly string[]): Promise<readonly string[]> {
  const names = await Promise.all(
    folders.map(async (folder) => (await findWeightFiles(join(directory, folder))).map((name) => join(folder, name))),
  );
  return names.flat();
}

/** `others` and the files of the encoder and of the whole, as far as they are there. */
async function listFiles(directory: string, encoder: string, others: readonly string[]): Promise<readonly string[]> {
  const ofEncoder = (name: string) => join(encoder, name);
  const names = [...new Set([modulesName, promptsName, ...encoderFiles.map(ofEncoder), ...others])];
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
