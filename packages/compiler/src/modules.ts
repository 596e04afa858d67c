import { isAbsolute, join, normalize } from "node:path";
import { MillraceError } from "@millrace/core";
import { isRecord, JsonFile, readJsonValue } from "./json.js";

/** One of the modules that sentence-transformers runs a text through. */
export interface Module {
  readonly kind: ModuleKind;
  /** Relative to the model directory. */
  readonly folder: string;
}

export const modulesName = "modules.json";
const moduleKinds = [
  "Transformer",
  "StaticEmbedding",
  "Pooling",
  "Dense",
  "LayerNorm",
  "Dropout",
  "Normalize",
] as const;
export type ModuleKind = (typeof moduleKinds)[number];

/**
 * Modules of a model directory in the order in which they are run: a Transformer and a Pooling, or a StaticEmbedding, then
 * what follows.
 * @returns undefined without modules.json
 * @throws E_MODEL_INVALID, E_MODEL_UNSUPPORTED
 */
export async function readModules(directory: string): Promise<readonly Module[] | undefined> {
  const path = join(directory, modulesName);
  const list = await readJsonValue(path);
  if (list === undefined) return undefined;
  if (!Array.isArray(list) || !list.every(isRecord)) throw invalid(path, "it is not a list of modules");
  const modules = list.map((values) => parseModule(new JsonFile(path, values)));
  checkOrder(path, modules);
  return modules;
}

/** A StaticEmbedding pools what it looks up; a Transformer's states need a Pooling. */
function checkOrder(path: string, modules: readonly Module[]): void {
  const kinds = modules.map(({ kind }) => kind);
  const beginning: readonly ModuleKind[] = kinds[0] === "StaticEmbedding" ? [kinds[0]] : ["Transformer", "Pooling"];
  if (beginning.some((kind, index) => kinds[index] !== kind))
    throw invalid(path, "it begins neither with Transformer and Pooling nor with StaticEmbedding");
  const misplaced = kinds.slice(beginning.length).find((kind) => encoderKinds.includes(kind));
  if (misplaced !== undefined) throw invalid(path, `${misplaced} stands where a text is one vector already`);
}

/** Kinds that stand at the beginning. */
const encoderKinds: readonly ModuleKind[] = ["Transformer", "StaticEmbedding", "Pooling"];

function parseModule(file: JsonFile): Module {
  const name = file.text("type").split(".").at(-1);
  const kind = moduleKinds.find((known) => known === name);
  if (kind === undefined) throw file.unsupported("type", moduleKinds);
  const folder = normalize(file.text("path", ""));
  if (isAbsolute(folder) || folder.startsWith("..")) throw file.invalid("path", "it must lie in the model directory");
  return { kind, folder };
}

function invalid(path: string, why: string): MillraceError {
  return new MillraceError("E_MODEL_INVALID", `cannot use ${path}`, { why });
}
