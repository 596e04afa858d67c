import { access } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize } from "node:path";
import { MillraceError } from "@millrace/core";
import type { EncoderPlan } from "./architectures/architecture.js";
import { type ExportedFacts, findOutput, planExported } from "./architectures/exported.js";
import { isKnownArchitecture, planEncoder } from "./architectures/registry.js";
import { planStatic } from "./architectures/static.js";
import { isRecord, type JsonFile, readJsonFile, requireJsonFile } from "./json.js";
import type { Module } from "./modules.js";
import { findWeightFiles, hasSafetensors } from "./weights/checkpoint.js";
import { type OnnxFile, readOnnx } from "./weights/onnx.js";
import { invalidOnnx } from "./weights/onnx-error.js";

/** An encoder and where its weights lie. */
export interface ReadEncoder {
  /** config.json's `model_type`, or what else tells how the encoder is built. */
  readonly architecture: string;
  readonly encoder: EncoderPlan;
  /** Files that hold weights, relative to the model directory. */
  readonly files: readonly string[];
  /** Set where an exported graph does what the model's modules say; `width` of its vectors, where the graph says so. */
  readonly pooled?: { readonly width: number | undefined };
  /** Elements of all float tensors of an exported graph. */
  readonly parameters?: number;
}

export interface EncoderPlace {
  /** The model directory, absolute. */
  readonly path: string;
  /** Folder of the encoder, relative to `path`. */
  readonly folder: string;
  readonly modules: readonly Module[] | undefined;
  /** An exported graph to use in place of the weights, relative to `path`. */
  readonly onnxFile: string | undefined;
}

/** Plans a model directory's encoder. @throws E_MODEL_INVALID, E_MODEL_UNSUPPORTED, E_SAFETENSORS */
export async function readEncoder(place: EncoderPlace): Promise<ReadEncoder> {
  const { path, folder, modules } = place;
  const directory = join(path, folder);
  const onnxFile = await findExported(place);
  if (onnxFile !== undefined) return readExported(place, onnxFile);
  const files = (await findWeightFiles(directory)).map((name) => join(folder, name));
  if (modules?.[0]?.kind === "StaticEmbedding")
    return { architecture: "static", encoder: await planStatic(directory), files };
  const config = await requireJsonFile(directory, "config.json");
  return { architecture: config.text("model_type"), encoder: planEncoder(config), files };
}

/** Where exporters put a graph. */
const usualNames = ["onnx/model.onnx", "model.onnx"];

/** The exported graph to use: the one asked for, or the usual one where there are no weights that can be read. */
async function findExported({ path, folder, modules, onnxFile }: EncoderPlace): Promise<string | undefined> {
  if (onnxFile !== undefined) {
    const name = normalize(onnxFile);
    if (!isAbsolute(name) && !name.startsWith("..")) return name;
    const why = `${onnxFile} does not lie in ${path}`;
    throw new MillraceError("E_CONFIG", "cannot use the ONNX file", {
      why,
      fix: "Name a file of the model directory.",
    });
  }
  if (modules?.[0]?.kind === "StaticEmbedding" || (await hasSafetensors(join(path, folder)))) return undefined;
  for (const name of usualNames)
    if (
      await access(join(path, name)).then(
        () => true,
        () => false,
      )
    )
      return name;
  return undefined;
}

async function readExported({ path, folder }: EncoderPlace, name: string): Promise<ReadEncoder> {
  const file = await readOnnx(join(path, name));
  const { isPooled, value } = findOutput(file);
  const config = await readJsonFile(join(path, folder, "config.json"));
  const tokenizer = await requireJsonFile(join(path, folder), "tokenizer.json");
  const encoder = planExported(file, factsOf(file, config, tokenizer));
  return {
    architecture: config?.text("model_type", "onnx") ?? "onnx",
    encoder,
    files: [name, ...file.externalFiles.map((other) => join(dirname(name), other))],
    ...(isPooled && { pooled: { width: value.shape.at(-1) } }),
    parameters: parametersOf(file),
  };
}

/** Longest row of a model that says nothing about it. */
const usualTokens = 512;

/** From the configuration where it is one of an architecture that is known, else what can be told from the files. */
function factsOf(file: OnnxFile, config: JsonFile | undefined, tokenizer: JsonFile): ExportedFacts {
  const { value, isPooled } = findOutput(file);
  const known = config !== undefined && isKnownArchitecture(config) ? planEncoder(config) : undefined;
  const [own, configured] = [value.shape.at(-1), known?.dimensions ?? sizeIn(config, "hidden_size")];
  const width = isPooled ? (configured ?? own) : (own ?? configured);
  if (width === undefined) throw invalidOnnx(file.path, `its output ${value.name} does not say how wide it is`);
  return {
    dimensions: width,
    maxTokens: known?.maxTokens ?? sizeIn(config, "max_position_embeddings") ?? usualTokens,
    vocabularySize: known?.vocabularySize ?? sizeIn(config, "vocab_size") ?? tokensIn(tokenizer),
    hasSpecialTokens: true,
    barePooling: known?.barePooling ?? "mean",
  };
}

function sizeIn(config: JsonFile | undefined, field: string): number | undefined {
  return config === undefined || config.values[field] === undefined ? undefined : config.count(field);
}

/** Tokens of a tokenizer.json's own vocabulary: an object of ids by token, or a list. */
function tokensIn({ values: { model } }: JsonFile): number {
  const vocabulary = isRecord(model) ? model.vocab : undefined;
  return Math.max(1, Array.isArray(vocabulary) ? vocabulary.length : Object.keys(vocabulary ?? {}).length);
}

function parametersOf({ constants }: OnnxFile): number {
  const sizes = constants.map(({ shape }) => shape.reduce((product, size) => product * size, 1));
  return sizes.reduce((sum, size) => sum + size, 0);
}
