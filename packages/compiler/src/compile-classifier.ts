import { join, resolve } from "node:path";
import { type CacheEntry, placedBeside, type StoredFile, type WeightsPlace, writeEntry } from "./cache.js";
import { type ClassifierPlan, type ClassifierTask, headOfConfig, planClassifier } from "./classifiers/classifier.js";
import { encodeBeside, ensureCompiled, findCompiled, newWeights, type ToCompile, thenCheck } from "./compiled-entry.js";
import { digestOf } from "./digest.js";
import { type Graph, GraphBuilder } from "./graph/builder.js";
import { graphBytesLimit, planWeightFiles } from "./graph/weight-files.js";
import { type JsonFile, readJsonFile, requireJsonFile } from "./json.js";
import { type FilesPlace, type ModelFile, requireUntouched } from "./model-files.js";
import { findWeightFiles, openCheckpoint, type Weights } from "./weights/checkpoint.js";

/**
 * A graph on disk that judges texts, tokens or spans. Inputs: `ids` int32 [rows, tokens], all rows equally long, and where
 * `hasSegments` is true `segments` int32 [rows, tokens], 0 for a pair's first text and 1 for its second. Output: `logits`
 * float32 [rows, labels] for SequenceClassification, else [rows, tokens, labels].
 */
export interface CompiledClassifier {
  /** What transformers calls the model's class, without `For`. */
  readonly task: ClassifierTask;
  /** Names of the logits, in their order; of QuestionAnswering `start` and `end`. */
  readonly labels: readonly string[];
  /** transformers' `problem_type`: whether a text has one label, any number of them, or a value; undefined where nothing is said. */
  readonly problem?: string;
  readonly architecture: string;
  readonly graphPath: string;
  /** sha256 of the graph's file, lower-case hex; verified by `compileClassifier`. */
  readonly graphDigest: string;
  /** Files beside the graph that its weights lie in, where they are too many for one file; to be verified when loaded. */
  readonly weights: readonly WeightsPlace[];
  readonly hasSegments: boolean;
  /** Longest row, special tokens included. */
  readonly maxTokens: number;
  readonly vocabularySize: number;
  /** Floats in the model's files. */
  readonly parameters: number;
  readonly tokenizerPath: string;
  /** Model files that went in. */
  readonly files: readonly ModelFile[];
}

export interface CompileClassifierOptions {
  /** Made when it is not there; shared by any number of processes. */
  readonly cacheDirectory: string;
}

/** Part of the cache key and of every graph: to be raised with each change that alters a graph's bytes or what is stored beside it. */
const classifierVersion = "1";

/**
 * Compiles a directory that transformers saved a classifier in, or finds the graph an earlier call wrote.
 * @throws E_MODEL_INVALID, E_MODEL_UNSUPPORTED, E_SAFETENSORS; E_STORE_READ_ONLY, E_DISK_FULL for the cache
 */
export async function compileClassifier(
  directory: string,
  options: CompileClassifierOptions,
): Promise<CompiledClassifier> {
  const read = await readClassifier(directory);
  const entry = await ensureCompiled({ ...options, source: read.source, keyOf }, (cacheDirectory, what) =>
    compileInto(cacheDirectory, { ...read, ...what }),
  );
  return placed(read, entry);
}

/**
 * What `compileClassifier` would return, where an earlier call has compiled it and the model's files are untouched since; reads
 * neither weights nor graph. @throws E_MODEL_INVALID, E_MODEL_UNSUPPORTED
 */
export async function findCompiledClassifier(
  directory: string,
  options: CompileClassifierOptions,
): Promise<CompiledClassifier | undefined> {
  const read = await readClassifier(directory);
  const entry = await findCompiled({ ...options, source: read.source, keyOf });
  return entry && placed(read, entry);
}

/** What a directory's model has a head for; undefined where it has none that is known. @throws E_MODEL_INVALID */
export async function findHead(directory: string): Promise<ClassifierTask | undefined> {
  const config = await readJsonFile(join(directory, "config.json"));
  return config && headOfConfig(config);
}

function keyOf(files: readonly ModelFile[]): string {
  return digestOf(["classifier", classifierVersion, files]);
}

interface ReadClassifier {
  readonly source: FilesPlace;
  readonly config: JsonFile;
  readonly plan: ClassifierPlan;
}

async function readClassifier(directory: string): Promise<ReadClassifier> {
  const path = resolve(directory);
  const config = await requireJsonFile(path, "config.json");
  const plan = planClassifier(config);
  await requireJsonFile(path, "tokenizer.json");
  const source = { path, files: ["config.json", "tokenizer.json", ...(await findWeightFiles(path))] };
  return { source, config, plan };
}

/** An entry's classifier, with the places it has on this machine. */
async function placed({ source, plan }: ReadClassifier, entry: CacheEntry): Promise<CompiledClassifier> {
  const { weights, ...facts } = entry.model as StoredClassifier;
  return {
    ...facts,
    maxTokens: Math.min(plan.encoder.maxTokens, await readTokenLimit(source.path)),
    graphPath: entry.graphPath,
    weights: placedBeside(entry.graphPath, weights),
    tokenizerPath: join(source.path, "tokenizer.json"),
  };
}

/** A compiled classifier less the places, which differ from machine to machine. */
type StoredClassifier = Omit<CompiledClassifier, "graphPath" | "tokenizerPath" | "weights" | "maxTokens"> & {
  readonly weights: readonly StoredFile[];
};

type Compilation = ReadClassifier & ToCompile;

async function compileInto(cacheDirectory: string, compilation: Compilation): Promise<void> {
  const { key, source, config, plan, stamp, files } = compilation;
  const { encoder, task, labels } = plan;
  const { problem_type: problem } = config.values;
  const checkpoint = await openCheckpoint(source.path, encoder.prefixes);
  try {
    const graph = buildGraph(config.text("model_type"), plan, checkpoint);
    const apart = planWeightFiles(graph, graphBytesLimit);
    await writeEntry(cacheDirectory, {
      key,
      weights: newWeights(apart),
      graph: (stored) =>
        thenCheck(encodeBeside(graph, classifierVersion, { apart, stored }), () => requireUntouched(source, stamp)),
      describe: (graphDigest, weights): StoredClassifier => ({
        task,
        labels,
        ...(typeof problem === "string" && { problem }),
        architecture: config.text("model_type"),
        graphDigest,
        weights,
        hasSegments: encoder.hasSegments ?? false,
        vocabularySize: encoder.vocabularySize,
        parameters: checkpoint.parameters,
        files,
      }),
    });
  } finally {
    await checkpoint.close();
  }
}

function buildGraph(architecture: string, { encoder, task, labels, addHead }: ClassifierPlan, weights: Weights): Graph {
  const graph = new GraphBuilder();
  const input = (name: string) => graph.input({ name, type: "int32", shape: ["rows", "tokens"] });
  const ids = input("ids");
  const states = encoder.build(graph, weights, ids, encoder.hasSegments ? input("segments") : undefined);
  addHead(graph, weights, { name: "logits", states });
  const rows = task === "SequenceClassification" ? ["rows"] : ["rows", "tokens"];
  const outputs = [{ name: "logits", type: "float32", shape: [...rows, labels.length] }] as const;
  return graph.finish(`${architecture}-classifier`, { states, outputs });
}

/** What the tokenizer's settings allow; "no limit" is written as 1e30, or not at all. */
async function readTokenLimit(path: string): Promise<number> {
  const file = await readJsonFile(join(path, "tokenizer_config.json"));
  const isLimited = file !== undefined && (file.values.model_max_length ?? null) !== null;
  return isLimited ? Math.floor(file.positive("model_max_length", 1)) : Number.POSITIVE_INFINITY;
}
