import { join } from "node:path";
import type { EncoderPlan } from "../architectures/architecture.js";
import { JsonFile, requireJsonFile } from "../json.js";
import type { Module } from "../modules.js";
import { readDense } from "./dense.js";
import { type HeadModule, vectorWidth } from "./head.js";
import { type PoolingMode, poolingModes } from "./pooling.js";

/** A model's head as its modules' configurations have it. */
export interface ReadHead {
  readonly head: readonly HeadModule[];
  /** False where the tokens of a prompt are left out of the pooling. */
  readonly isPromptPooled: boolean;
  /** Files that were read, relative to the model directory. */
  readonly files: readonly string[];
}

/**
 * Reads the modules after the encoder. Where they do not begin with a Pooling, sentence-transformers pools as the encoder
 * says. @throws E_MODEL_INVALID, E_MODEL_UNSUPPORTED
 */
export async function readHead(
  directory: string,
  modules: readonly Module[],
  { dimensions: width, barePooling, hasSpecialTokens }: EncoderPlan,
): Promise<ReadHead> {
  const isPooled = modules[0]?.kind === "Pooling";
  const pooling: HeadModule = { kind: "pooling", modes: [barePooling], ...(!hasSpecialTokens && { mayBeEmpty: true }) };
  const head = isPooled ? [] : [pooling];
  let result: ReadHead = { head, isPromptPooled: true, files: [] };
  for (const module of modules) result = await addModule(directory, result, { module, width });
  return result;
}

async function addModule(
  directory: string,
  { head, isPromptPooled, files }: ReadHead,
  { module: { kind, folder }, width }: { readonly module: Module; readonly width: number },
): Promise<ReadHead> {
  if (kind === "Normalize") return { head: [...head, { kind: "normalize" }], isPromptPooled, files };
  if (kind === "Dropout") return { head, isPromptPooled, files };
  const file = await requireJsonFile(join(directory, folder), "config.json");
  const all = [...files, join(folder, "config.json")];
  const inputs = vectorWidth(head, width);
  if (kind === "Pooling")
    return { head: [readPooling(file, width)], isPromptPooled: file.values.include_prompt !== false, files: all };
  const module = kind === "Dense" ? readDense(file, folder) : readLayerNorm(file, folder);
  const [field, size] = module.kind === "dense" ? ["in_features", module.inputs] : ["dimension", module.dimensions];
  if (size !== inputs) throw file.invalid(field, `the modules before it give ${inputs}`);
  return { head: [...head, module], isPromptPooled, files: all };
}

function readLayerNorm(file: JsonFile, folder: string) {
  return { kind: "layer-norm", folder, dimensions: file.count("dimension") } as const;
}

function readPooling(file: JsonFile, width: number): HeadModule {
  const field = "embedding_dimension" in file.values ? "embedding_dimension" : "word_embedding_dimension";
  if (file.count(field) !== width) throw file.invalid(field, `the encoder's hidden_size is ${width}`);
  const named = activePoolingModes(file);
  const stranger = named.find((mode) => !poolingModes.includes(mode as PoolingMode));
  if (stranger !== undefined)
    throw new JsonFile(file.path, { pooling_mode: stranger }).unsupported("pooling_mode", poolingModes);
  const modes = [...new Set(named as readonly PoolingMode[])];
  if (modes.length === 0 || modes.length < named.length)
    throw file.invalid("pooling_mode", "it must name one mode or several different ones");
  return { kind: "pooling", modes };
}

/** The flags sentence-transformers wrote before version 5; the field `pooling_mode` overrides them. */
const poolingFlags: Readonly<Record<string, PoolingMode>> = {
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
