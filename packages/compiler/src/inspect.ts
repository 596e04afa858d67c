import { stat } from "node:fs/promises";
import { join } from "node:path";
import { buildGraph } from "./compile.js";
import type { PoolingMode } from "./heads/pooling.js";
import { readModelDirectory } from "./model-directory.js";
import { openCheckpoint } from "./weights/checkpoint.js";

/** What can be said of a model without reading its weights. */
export interface ModelDescription {
  /** config.json's `model_type`. */
  readonly architecture: string;
  /** Floats in one vector. */
  readonly dimensions: number;
  /** Longest row, special tokens included. */
  readonly maxTokens: number;
  readonly vocabularySize: number;
  /** Floats in the model's files. */
  readonly parameters: number;
  readonly pooling: PoolingMode;
  readonly isNormalized: boolean;
  readonly tokenizerPath: string;
  /** Files that would go into the compiled model, relative to the directory. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

/**
 * Reads a model directory's configuration and the headers of its weights, and checks that it can be compiled: every
 * tensor is there in the right shape. @throws as `compileModel` does
 */
export async function describeModel(path: string): Promise<ModelDescription> {
  const directory = await readModelDirectory(path);
  const weights = await openCheckpoint(directory.encoderPath);
  try {
    buildGraph(directory, weights);
  } finally {
    await weights.close();
  }
  const { architecture, encoder, head, maxTokens, tokenizerPath } = directory;
  const { dimensions, vocabularySize } = encoder;
  const files = await Promise.all(
    directory.files.map(async (name) => ({ name, bytes: (await stat(join(directory.path, name))).size })),
  );
  return {
    architecture,
    dimensions,
    maxTokens,
    vocabularySize,
    parameters: weights.parameters,
    ...head,
    tokenizerPath,
    files,
  };
}
