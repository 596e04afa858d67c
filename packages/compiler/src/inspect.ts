import { stat } from "node:fs/promises";
import { join } from "node:path";
import { buildGraph, type CompiledModel, factsOf } from "./compile.js";
import { type DirectoryOptions, readModelDirectory } from "./model-directory.js";
import { openModelWeights } from "./weights/model-weights.js";

/** What can be said of a model without reading its weights. */
export interface ModelDescription
  extends Pick<
    CompiledModel,
    | "architecture"
    | "dimensions"
    | "maxTokens"
    | "vocabularySize"
    | "parameters"
    | "pooling"
    | "isNormalized"
    | "hasSpecialTokens"
    | "isRowIndependent"
    | "prompts"
    | "tokenizerPath"
  > {
  /** Files that would go into the compiled model, relative to the directory. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

/**
 * Reads a model directory's configuration and the headers of its weights, and checks that it can be compiled: every
 * tensor is there in the right shape. @throws as `compileModel` does
 */
export async function describeModel(path: string, options: DirectoryOptions = {}): Promise<ModelDescription> {
  const directory = await readModelDirectory(path, options);
  const weights = await openModelWeights(directory);
  try {
    buildGraph(directory, weights);
  } finally {
    await weights.close();
  }
  const { tokenizerPath } = directory;
  const files = await Promise.all(
    directory.files.map(async (name) => ({ name, bytes: (await stat(join(directory.path, name))).size })),
  );
  return { ...factsOf(directory, weights), tokenizerPath, files };
}
