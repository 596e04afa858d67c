import { dirname, join } from "node:path";
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
import { type CacheShape, type DecoderPlan, isSequencePlan } from "./decoders/decoder.js";
import { buildDecoder, buildEncoder } from "./decoders/graph.js";
import { planDecoder } from "./decoders/registry.js";
import { digestOf } from "./digest.js";
import type { GeneratorSource, TokenIds } from "./generators/generator-source.js";
import { readGeneratorSource } from "./generators/read-source.js";
import type { Graph, GraphNode } from "./graph/builder.js";
import { byteLength, graphBytesLimit, planWeightFiles, type WeightsFile } from "./graph/weight-files.js";
import { isRecord, type JsonFile } from "./json.js";
import { type ModelFile, requireUntouched } from "./model-files.js";
import { type GeneratorPrecision, inPrecision } from "./weights/in-precision.js";

/**
 * A generator's graph on disk, with all that is needed to run it.
 *
 * Inputs of the graph, integers in int32:
 * - `ids` [rows, tokens]: the tokens that are new;
 * - `seqlens_k` [rows]: for each row its past and new tokens together, less one;
 * - `total_sequence_length` []: the most past and new tokens of a row;
 * - `logit_positions` [rows]: which of a row's `tokens` logits are wanted of;
 * - `past_key.N`, `past_value.N` float32 [rows, keyHeads, capacity, headWidth] for each layer N; what lies behind a row's
 *   past is not read. `capacity` may be 0 where there is no past.
 *
 * Outputs: `logits` float32 [rows, vocabulary]; `best` int32 [rows], the most likely token; `present_key.N`,
 * `present_value.N` like the past, with the new tokens put behind it. Logits are computed whether they are fetched or not. Where present and past are the same memory, a run
 * copies nothing; where they are not, the present is as long as the longer of `capacity` and `total_sequence_length`.
 *
 * A decoder beside an encoder takes `cross_key.N`, `cross_value.N` float32 [rows, keyHeads, sources, headWidth] as well, and
 * `source_lengths` int32 [rows], how many of the `sources` are a row's. The encoder's graph makes the first two of `ids`
 * int32 [rows, tokens], all rows equally long, and fills them up with zeros to a multiple of 16 sources: what a longer row
 * needs besides must be a multiple of 16, too, or else a row's bits depend on it.
 *
 * A run is one of two kinds: tokens = 1 with any rows of any lengths, or rows = 1 with any number of tokens behind any
 * past. ONNX Runtime's CPU kernel refuses several tokens behind the pasts of several rows.
 *
 * A row's bits do not depend on the rows beside it, as long as there are at least `leastRows`: products with weights are
 * then the same for any number of rows, and attention is computed row by row. They do depend on how a row's tokens are
 * divided among runs, because attention has another kernel for one token than for several: whoever wants equal bits
 * divides equal prompts equally.
 */
export interface CompiledGenerator extends CacheShape {
  readonly kind: "decoder" | "encoder-decoder";
  /** transformers' `model_type`. */
  readonly architecture: string;
  readonly graphPath: string;
  /** sha256 of the graph's file, lower-case hex; verified by `compileGenerator`. */
  readonly graphDigest: string;
  /** The encoder beside the decoder, where there is one. */
  readonly encoder?: CompiledEncoder;
  /** Files beside the graph that its weights lie in, where they are too many for one file; to be verified when loaded. */
  readonly weights: readonly WeightsPlace[];
  readonly precision: GeneratorPrecision;
  /**
   * Rows that a run of one token for each must have for its bits not to depend on how many there are: 2 where weights
   * have 4 bits, for which a single row has a kernel of its own, else 1.
   */
  readonly leastRows: number;
  readonly vocabularySize: number;
  /** Most tokens of a row, those that are generated included. */
  readonly contextLength: number;
  readonly tokens: TokenIds;
  /** Defaults of decoding under transformers' names, as the model brings them. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** `task_specific_params` of config.json: how the model was trained to be asked, and its defaults, by transformers' tasks. */
  readonly taskParameters: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** A Jinja template that makes a prompt of messages. */
  readonly chatTemplate?: string;
  /** Spellings of special tokens by transformers' names, such as `bos_token`, which templates refer to. */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** A tokenizer.json: the model's own, or one that was made of what it brings. */
  readonly tokenizerPath: string;
  /** Floats in the model's files. */
  readonly parameters: number;
  /** Bytes of weights in the graph and the files beside it. */
  readonly weightBytes: number;
  /** Bytes that keys and values of one token of a row take. */
  readonly cacheBytesPerToken: number;
  /** Model files that went in. */
  readonly files: readonly ModelFile[];
}

/** The graph of an encoder that a decoder reads. */
export interface CompiledEncoder {
  readonly graphPath: string;
  /** Lower-case hex; verified by `compileGenerator`. */
  readonly graphDigest: string;
  /** As those of the decoder. */
  readonly weights: readonly WeightsPlace[];
  /** Most tokens of a source. */
  readonly sourceLength: number;
}

export interface CompileGeneratorOptions {
  readonly precision: GeneratorPrecision;
  /** Made when it is not there; shared by any number of processes. */
  readonly cacheDirectory: string;
  /** Bytes of weights up to which they lie in the graph's own file; by default as many as ONNX allows. */
  readonly graphBytes?: number;
}

/** Part of the cache key and of every graph: to be raised with each change that alters a graph's bytes or what is stored beside it. */
const generatorVersion = "4";

/**
 * Compiles a generator to an ONNX graph, or finds the graph an earlier call wrote. `place` is a directory as transformers
 * saves it, a GGUF file or a llama2.c checkpoint, or a directory with one. Weights are read one tensor at a time.
 * @throws E_MODEL_MISSING, E_MODEL_INVALID, E_MODEL_UNSUPPORTED, E_SAFETENSORS; E_STORE_READ_ONLY, E_DISK_FULL for the cache
 */
export async function compileGenerator(place: string, options: CompileGeneratorOptions): Promise<CompiledGenerator> {
  const source = await readGeneratorSource(place);
  const plan = planDecoder(source.config);
  const { precision, graphBytes = graphBytesLimit } = options;
  const entry = await ensureCompiled(compiledPlace(source, options), (cacheDirectory, what) =>
    compileInto(cacheDirectory, { ...what, source, plan, precision, graphBytes }),
  );
  return placed(entry, source, plan);
}

/**
 * What `compileGenerator` would return, where an earlier call has compiled it and the model's files are untouched since; reads
 * neither weights nor graph. @throws E_MODEL_MISSING, E_MODEL_INVALID, E_MODEL_UNSUPPORTED
 */
export async function findCompiledGenerator(
  place: string,
  options: CompileGeneratorOptions,
): Promise<CompiledGenerator | undefined> {
  const source = await readGeneratorSource(place);
  const plan = planDecoder(source.config);
  const entry = await findCompiled(compiledPlace(source, options));
  return entry && placed(entry, source, plan);
}

function compiledPlace(source: GeneratorSource, options: CompileGeneratorOptions): CompiledPlace {
  const { cacheDirectory, precision, graphBytes = graphBytesLimit } = options;
  const keyOf = (files: readonly ModelFile[]) =>
    digestOf(["generator", generatorVersion, precision, graphBytes, files]);
  return { cacheDirectory, source, keyOf };
}

/** An entry with the places it has on this machine. */
function placed({ graphPath, model }: CacheEntry, source: GeneratorSource, plan: DecoderPlan): CompiledGenerator {
  const { weights, others, ...facts } = model as StoredGenerator;
  const folder = dirname(graphPath);
  const encoder = others.find(({ name }) => name === encoderName);
  const weightsOf = (isEncoder: boolean) => weights.filter(({ name }) => name.startsWith(encoderPrefix) === isEncoder);
  return {
    ...facts,
    taskParameters: taskParametersOf(source.config),
    ...(encoder !== undefined &&
      isSequencePlan(plan) && {
        encoder: {
          graphPath: join(folder, encoderName),
          graphDigest: encoder.sha256,
          weights: placedBeside(graphPath, weightsOf(true)),
          sourceLength: plan.sourceLength,
        },
      }),
    graphPath,
    weights: placedBeside(graphPath, weightsOf(false)),
    tokenizerPath: "path" in source.tokenizer ? source.tokenizer.path : join(folder, tokenizerName),
  };
}

const tokenizerName = "tokenizer.json";
const encoderName = "encoder.onnx";
const encoderPrefix = "encoder-";

/** A compiled generator less the places, which differ from machine to machine. */
type StoredGenerator = Omit<
  CompiledGenerator,
  "graphPath" | "tokenizerPath" | "weights" | "encoder" | "taskParameters"
> & {
  readonly weights: readonly StoredFile[];
  readonly others: readonly StoredFile[];
};

function taskParametersOf({ values }: JsonFile): CompiledGenerator["taskParameters"] {
  const { task_specific_params: tasks } = values;
  if (!isRecord(tasks)) return {};
  return Object.fromEntries(Object.entries(tasks).flatMap(([name, each]) => (isRecord(each) ? [[name, each]] : [])));
}

interface Compilation extends ToCompile {
  readonly source: GeneratorSource;
  readonly plan: DecoderPlan;
  readonly precision: GeneratorPrecision;
  readonly graphBytes: number;
}

async function compileInto(cacheDirectory: string, compilation: Compilation): Promise<void> {
  const { key, source, plan, stamp, files, precision, graphBytes } = compilation;
  const architecture = source.config.text("model_type");
  const checkpoint = await source.openWeights(plan.prefixes);
  try {
    const read = inPrecision(checkpoint, precision);
    const graph = buildDecoder(architecture, plan, read);
    const encoder = isSequencePlan(plan) ? buildEncoder(architecture, plan, read) : undefined;
    const apart = planWeightFiles(graph, graphBytes);
    const encoderApart = encoder === undefined ? [] : planEncoderFiles(encoder, graphBytes);
    await writeEntry(cacheDirectory, {
      key,
      weights: newWeights([...apart, ...encoderApart]),
      others: (stored) => [
        ...("make" in source.tokenizer ? [{ name: tokenizerName, content: inOnePiece(source.tokenizer.make) }] : []),
        ...(encoder
          ? [{ name: encoderName, content: encodeBeside(encoder, generatorVersion, { apart: encoderApart, stored }) }]
          : []),
      ],
      graph: (stored) =>
        thenCheck(encodeBeside(graph, generatorVersion, { apart, stored }), () => requireUntouched(source, stamp)),
      describe: (graphDigest, weights, others): StoredGenerator => ({
        kind: encoder === undefined ? "decoder" : "encoder-decoder",
        architecture,
        graphDigest,
        weights,
        others,
        precision,
        ...factsOf(source, plan),
        leastRows: leastRowsOf(graph),
        parameters: checkpoint.parameters,
        weightBytes: bytesOfWeights(graph) + (encoder === undefined ? 0 : bytesOfWeights(encoder)),
        files,
      }),
    });
  } finally {
    await checkpoint.close();
  }
}

/** What can be said of a generator before its graph is written. */
function factsOf({ tokens, defaults, chatTemplate, specialTokens }: GeneratorSource, plan: DecoderPlan) {
  const { layers, keyHeads, headWidth, vocabularySize, contextLength } = plan;
  return {
    layers,
    keyHeads,
    headWidth,
    vocabularySize,
    contextLength,
    tokens,
    defaults,
    ...(chatTemplate !== undefined && { chatTemplate }),
    specialTokens,
    cacheBytesPerToken: 2 * layers * keyHeads * headWidth * Float32Array.BYTES_PER_ELEMENT,
  };
}

/** Files for weights of an encoder, which lie beside those of its decoder. */
function planEncoderFiles(encoder: Graph, graphBytes: number): readonly WeightsFile[] {
  return planWeightFiles(encoder, graphBytes).map((file) => ({ ...file, name: `${encoderPrefix}${file.name}` }));
}

function bytesOfWeights({ constants }: Graph): number {
  return constants.reduce((sum, constant) => sum + byteLength(constant), 0);
}

function leastRowsOf({ nodes }: Graph): number {
  const isOfFourBits = ({ op, attributes: { bits } }: GraphNode) =>
    op === "MatMulNBits" && bits !== undefined && "int" in bits && bits.int === 4;
  return nodes.some(isOfFourBits) ? 2 : 1;
}

async function* inOnePiece(make: () => Promise<object>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(JSON.stringify(await make()));
}
