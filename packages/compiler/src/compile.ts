import { MillraceError, type Precision, type PrecisionChoice } from "@millrace/core";
import { type CacheEntry, placedBeside, type StoredFile, type WeightsPlace, writeEntry } from "./cache.js";
import {
  type CompiledPlace,
  encodeBeside,
  ensureCompiled,
  findCompiled,
  newWeights,
  type ToCompile,
  thenCheck,
} from "./compiled-entry.js";
import { digestOf } from "./digest.js";
import { type Graph, GraphBuilder, type GraphValue } from "./graph/builder.js";
import { graphBytesLimit, planWeightFiles } from "./graph/weight-files.js";
import { addHead, isNormalized, poolingText, vectorWidth } from "./heads/head.js";
import { type DirectoryOptions, type ModelDirectory, readModelDirectory } from "./model-directory.js";
import { type ModelFile, requireUntouched } from "./model-files.js";
import { type Fidelity, isFaithful } from "./precision/fidelity.js";
import { defaultAttention, toFp16 } from "./precision/fp16.js";
import type { AttentionLayout } from "./precision/fused-kernels.js";
import { calibrationDigest, compareGraphs, toInt8 } from "./precision/int8.js";
import type { GraphRuntime } from "./precision/runtime.js";
import type { Prompts } from "./prompts.js";
import { type ModelWeights, openModelWeights } from "./weights/model-weights.js";

/** An encoder's graph on disk, with all that is needed to run it. */
export interface CompiledModel {
  /** config.json's `model_type`. */
  readonly architecture: string;
  readonly graphPath: string;
  /** sha256 of the graph's file, lower-case hex; verified by `compileModel`. */
  readonly graphDigest: string;
  /** Files beside the graph that its weights lie in, where they are too many for one file; to be verified when loaded. */
  readonly weights: readonly WeightsPlace[];
  /** Floats in one vector. */
  readonly dimensions: number;
  /** Longest row, special tokens included. */
  readonly maxTokens: number;
  readonly vocabularySize: number;
  /** Floats in the model's files. */
  readonly parameters: number;
  /** sentence-transformers' name of how states are pooled; where there are several, with ` + ` between them. */
  readonly pooling: string;
  /** True where every vector has length 1. */
  readonly isNormalized: boolean;
  readonly prompts: Prompts;
  readonly precision: Precision;
  /** Of a model in another precision: how near it comes to fp32, where that was measured. */
  readonly fidelity?: Fidelity;
  /** Of an fp32 model that `auto` chose: what int8 would have come to. */
  readonly rejected?: Fidelity;
  readonly tokenizerPath: string;
  /** False where texts are encoded without the special tokens that the tokenizer knows. */
  readonly hasSpecialTokens: boolean;
  /** False where a row's vector could depend on the rows beside it, so that a run must have one row. */
  readonly isRowIndependent: boolean;
  /** `ids`: int32 [batch, sequence]. Rows are equally long, so there is no mask. */
  readonly inputs: readonly GraphValue[];
  /** `vectors`: float32 [batch, dimensions]. */
  readonly outputs: readonly GraphValue[];
  /** Model files that went in. */
  readonly files: readonly ModelFile[];
}

export interface CompileOptions extends DirectoryOptions {
  /** Bytes of weights up to which they lie in the graph's own file; by default as many as ONNX allows. */
  readonly graphBytes?: number;
  readonly precision: PrecisionChoice;
  /** Of an fp16 graph, to compare; by default the one that is used. */
  readonly attention?: AttentionLayout;
  /** Made when it is not there; shared by any number of processes. */
  readonly cacheDirectory: string;
  /** Calibrates where int8 is to be compiled, and compares other precisions with fp32. */
  readonly runtime?: GraphRuntime;
}

/** Part of the cache key and of every graph: to be raised with each change that alters a graph's bytes. */
const compilerVersion = "1";
/** To be raised with each change that alters an int8 graph's bytes only. */
const int8Version = "1";

/** To be raised with each change that alters an fp16 graph's bytes only. */
const fp16Version = "1";

/** Part of the cache key alone: to be raised with each change of what is stored beside a graph. */
const entryVersion = "2";

/**
 * Compiles a model directory to an ONNX graph, or finds the graph an earlier call wrote. Weights are read one tensor at
 * a time, but for int8 the float graph is held in memory while it calibrates. `auto` is int8 where that is faithful to fp32.
 * @throws E_MODEL_MISSING, E_MODEL_INVALID, E_MODEL_UNSUPPORTED, E_SAFETENSORS; E_STORE_READ_ONLY, E_DISK_FULL for the cache
 */
export function compileModel(path: string, options: CompileOptions): Promise<CompiledModel> {
  return chooseModel(path, options, compileAs);
}

/**
 * What `compileModel` would return, where an earlier call has compiled it and the model's files are untouched since; reads
 * neither weights nor graph. @throws E_MODEL_MISSING, E_MODEL_INVALID, E_MODEL_UNSUPPORTED, E_SAFETENSORS
 */
export function findCompiledModel(path: string, options: CompileOptions): Promise<CompiledModel | undefined> {
  return chooseModel(path, options, findAs);
}

/** Gets a model in one precision. */
type Get<Found> = (directory: ModelDirectory, precision: Precision, options: CompileOptions) => Promise<Found>;

async function chooseModel<Found extends CompiledModel | undefined>(
  path: string,
  options: CompileOptions,
  get: Get<Found>,
): Promise<Found> {
  const { precision } = options;
  const directory = await readModelDirectory(path, options);
  if (precision === "fp32" || precision === "fp16") return get(directory, precision, options);
  const obstacle = await int8Obstacle(directory, options);
  if (precision === "int8") {
    if (obstacle === undefined) return get(directory, precision, options);
    throw new MillraceError("E_MODEL_UNSUPPORTED", `cannot compile ${path} to int8`, {
      why: obstacle,
      fix: "Choose fp32.",
    });
  }
  if (obstacle !== undefined) return get(directory, "fp32", options);
  const int8 = await get(directory, "int8", options);
  if (int8 === undefined || (int8.fidelity !== undefined && isFaithful(int8.fidelity))) return int8;
  const fp32 = await get(directory, "fp32", options);
  return fp32 === undefined ? fp32 : { ...fp32, ...(int8.fidelity && { rejected: int8.fidelity }) };
}

/** Why a model cannot be int8, where it cannot. */
async function int8Obstacle(
  directory: ModelDirectory,
  { graphBytes = graphBytesLimit }: CompileOptions,
): Promise<string | undefined> {
  if (directory.graphParameters !== undefined) return "an exported graph keeps the precision it was exported in";
  const weights = await openModelWeights(directory);
  await weights.close();
  const bytes = weights.parameters * Float32Array.BYTES_PER_ELEMENT;
  return bytes > graphBytes ? "its float graph, which calibration runs, does not fit into one file" : undefined;
}

async function compileAs(
  directory: ModelDirectory,
  precision: Precision,
  options: CompileOptions,
): Promise<CompiledModel> {
  const { graphBytes = graphBytesLimit, attention = defaultAttention, runtime } = options;
  const entry = await ensureCompiled(compiledPlace(directory, precision, options), (cacheDirectory, what) =>
    compileInto(cacheDirectory, { ...what, directory, precision, graphBytes, attention, runtime }),
  );
  return placed(directory, entry);
}

async function findAs(
  directory: ModelDirectory,
  precision: Precision,
  options: CompileOptions,
): Promise<CompiledModel | undefined> {
  const entry = await findCompiled(compiledPlace(directory, precision, options));
  return entry && placed(directory, entry);
}

function compiledPlace(directory: ModelDirectory, precision: Precision, options: CompileOptions): CompiledPlace {
  const { cacheDirectory, graphBytes = graphBytesLimit, attention = defaultAttention } = options;
  const { head } = directory;
  const keyOf = (files: readonly ModelFile[]) =>
    digestOf([compilerVersion, entryVersion, ...recipeOf(precision, attention), graphBytes, head, files]);
  return { cacheDirectory, source: directory, keyOf };
}

/** An entry's model, with the places it has on this machine. */
function placed({ tokenizerPath }: ModelDirectory, { graphPath, model }: CacheEntry): CompiledModel {
  const { weights, ...facts } = model as StoredModel;
  return { ...facts, graphPath, weights: placedBeside(graphPath, weights), tokenizerPath };
}

/** A compiled model less the places, which differ from machine to machine. */
type StoredModel = Omit<CompiledModel, "graphPath" | "tokenizerPath" | "weights" | "rejected"> & {
  readonly weights: readonly StoredFile[];
};

interface Compilation extends ToCompile {
  readonly directory: ModelDirectory;
  readonly precision: Precision;
  readonly graphBytes: number;
  readonly attention: AttentionLayout;
  readonly runtime: GraphRuntime | undefined;
}

async function compileInto(cacheDirectory: string, compilation: Compilation): Promise<void> {
  const { key, directory, stamp, files, precision } = compilation;
  const weights = await openModelWeights(directory);
  try {
    const { graph, fidelity } = await inPrecision(buildGraph(directory, weights), compilation);
    const describe = (graphDigest: string, stored: readonly StoredFile[]): StoredModel => ({
      graphDigest,
      weights: stored,
      ...factsOf(directory, weights),
      precision,
      ...(fidelity && { fidelity }),
      inputs: graph.inputs,
      outputs: graph.outputs,
      files,
    });
    const untouched = () => requireUntouched(directory, stamp);
    const apart = planWeightFiles(graph, compilation.graphBytes);
    await writeEntry(cacheDirectory, {
      key,
      weights: newWeights(apart),
      graph: (stored) => thenCheck(encodeBeside(graph, compilerVersion, { apart, stored }), untouched),
      describe,
    });
  } finally {
    await weights.close();
  }
}

/** What besides the model decides the bytes of its graph. */
function recipeOf(precision: Precision, attention: AttentionLayout): readonly unknown[] {
  if (precision === "int8") return [precision, int8Version, calibrationDigest];
  return precision === "fp16" ? [precision, fp16Version, attention] : [precision];
}

async function inPrecision(
  graph: Graph,
  { precision, attention, runtime, directory: { path, tokenizerPath, maxTokens, encoder } }: Compilation,
): Promise<{ readonly graph: Graph; readonly fidelity?: Fidelity }> {
  if (precision === "fp32") return { graph };
  const places = { tokenizerPath, maxTokens, hasSpecialTokens: encoder.hasSpecialTokens };
  if (precision === "fp16") {
    if (encoder.opsets !== undefined) throw noHalves(path, "it is an exported graph, which is run as it was written");
    const half = toFp16(graph, attention);
    // A processor has no kernel for the packed layout, so that nothing can be compared here.
    if (runtime === undefined || attention === "packed") return { graph: half };
    const fidelity = await compareGraphs(graph, half, { runtime, ...places });
    if (!(fidelity.leastCosine > leastHalfCosine)) throw noHalves(path, "its states leave the range of float16");
    return { graph: half, fidelity };
  }
  if (runtime === undefined)
    throw new MillraceError("E_INTERNAL", "cannot compile to int8", { why: "nothing was given to calibrate with" });
  const request = { runtime, ...places };
  const int8 = await toInt8(graph, request);
  return { graph: int8, fidelity: await compareGraphs(graph, int8, request) };
}

/** Rounding alone leaves 0.9999 and more; an infinity among the states leaves nothing. */
const leastHalfCosine = 0.99;

function noHalves(path: string, why: string): MillraceError {
  const fix = "Use --device cpu with --precision fp32.";
  return new MillraceError("E_MODEL_UNSUPPORTED", `${path} cannot be computed in fp16`, { why, fix });
}

/** What can be said of a model before its graph is written. */
export function factsOf({ architecture, encoder, head, maxTokens, prompts }: ModelDirectory, weights: ModelWeights) {
  return {
    architecture,
    dimensions: vectorWidth(head, encoder.dimensions),
    maxTokens,
    vocabularySize: encoder.vocabularySize,
    parameters: weights.parameters,
    pooling: poolingText(head),
    isNormalized: isNormalized(head),
    hasSpecialTokens: encoder.hasSpecialTokens,
    isRowIndependent: encoder.isRowIndependent ?? true,
    prompts,
  };
}

/** Describes the whole graph; no weight is read yet, but each is looked up and its shape checked. */
export function buildGraph({ architecture, encoder, head }: ModelDirectory, weights: ModelWeights): Graph {
  const graph = new GraphBuilder(encoder.opsets);
  const ids = graph.input({ name: "ids", type: "int32", shape: ["batch", "sequence"] });
  const states = encoder.build(graph, weights.encoder, ids);
  const vectors = addHead(graph, states, { head, weights });
  const dimensions = vectorWidth(head, encoder.dimensions);
  const outputs = [{ name: vectors, type: "float32", shape: ["batch", dimensions] }] as const;
  return graph.finish(architecture, { states, outputs });
}
