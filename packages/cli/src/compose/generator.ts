import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { CompiledGenerator, GeneratorPrecision } from "@millrace/compiler";
import {
  type BeamOptions,
  type DecodingOptions,
  earlyStoppings,
  type Generator,
  type GeneratorPrecisionChoice,
  MillraceError,
  type PromptSpec,
} from "@millrace/core";
import {
  bestDecoderBinding,
  checkDecoding,
  compileGeneratorInHost,
  createPromptMaker,
  engineFacts,
  GeneratorMeter,
  type GeneratorNote,
  GeneratorPool,
  loadTokenizer,
  type Metrics,
  modelBeams,
  modelDecoding,
  type PromptMaker,
  pullModel,
} from "@millrace/workers";
import { resolvePath } from "../config/paths.js";
import type { Settings } from "../config/settings.js";
import { modelStore, type Say } from "./model.js";

/** A generator with what makes its prompts, opened; its process starts with the first prompt. */
export interface OpenGenerator {
  /** What the model is brought by. */
  readonly reference: string;
  readonly compiled: CompiledGenerator;
  readonly generator: Generator;
  readonly prompts: PromptMaker;
  readonly decoding: DecodingOptions;
  close(): Promise<void>;
}

export interface GeneratorSurroundings {
  readonly settings: Settings;
  readonly say: Say;
  readonly spec: PromptSpec;
  readonly onTokens?: (note: GeneratorNote) => void;
  /** Counts what is done, where somebody is to hear of it. */
  readonly metrics?: Metrics | undefined;
}

/** Brings the model, compiles it, and says what is wrong with any option before a process is started. */
export async function openGenerator(surroundings: GeneratorSurroundings): Promise<OpenGenerator> {
  const { settings, say, spec } = surroundings;
  const { reference, compiled } = await bringGenerator(settings, say);
  const decoding = await decodingOf(settings, compiled);
  checkDecoding(decoding);
  const prompts = await createPromptMaker(compiled, spec);
  const generator = openPool(surroundings, compiled);
  return { reference, compiled, generator, prompts, decoding, close: () => generator.close() };
}

/** Of a job, the precision may be one that no setting names. */
type GeneratorSettings = Omit<Settings, "precision"> & { readonly precision?: GeneratorPrecisionChoice | undefined };

/** Brings the model and compiles it. @throws E_DEVICE where it is to run on what it does not run on */
export async function bringGenerator(
  settings: GeneratorSettings,
  say: Say,
): Promise<{ readonly reference: string; readonly compiled: CompiledGenerator }> {
  if (settings.device !== "cpu") {
    throw new MillraceError("E_DEVICE", "text is generated on a processor only", { fix: "Use --device cpu." });
  }
  const { reference, place } = await placeOf(settings, say);
  const compiled = await compileGeneratorInHost({
    place,
    precision: await generatorPrecision(settings, place),
    cacheDirectory: resolve(settings.cacheDirectory, "compiled"),
  });
  return { reference, compiled };
}

/** What answers with a compiled model; its process starts with the first prompt. */
export function openPool(
  { settings, say, onTokens, metrics }: Omit<GeneratorSurroundings, "spec">,
  model: CompiledGenerator,
): Generator {
  if (bestDecoderBinding === "npm") say(copyingNote);
  const { device, provider } = engineFacts({ kind: "cpu" });
  const meter = metrics && new GeneratorMeter(metrics, device);
  const pool = new GeneratorPool({
    model,
    maximumRows: settings.batchRows,
    stepTokens: settings.batchTokens,
    ...(settings.kvMemory !== undefined && { cacheBytes: settings.kvMemory }),
    onRestart: (reason) => {
      metrics?.count("millrace_host_restarts_total", { host: "generator" });
      say(`a generator host ended (${reason}); its answers are begun again`);
    },
    onTokens: (note) => {
      onTokens?.(note);
      meter?.note(note);
    },
  });
  if (metrics === undefined || meter === undefined) return pool;
  metrics.set("millrace_generator_cache_bytes", { kind: "planned" }, pool.cacheBytes);
  const labels = { model: basename(settings.model), precision: model.precision, device, provider, dimensions: "" };
  metrics.set("millrace_model_info", labels, 1);
  return meter.metered(pool);
}

const copyingNote =
  "packages/native is not built: keys and values are copied for every token, which is slower; npm run build builds it where cargo is";

/** A directory or file that is there is taken as it is, whatever its format; anything else is a model's name. */
async function placeOf(
  { model, ...settings }: GeneratorSettings,
  say: Say,
): Promise<{ reference: string; place: string }> {
  const path = resolve(resolvePath(model, {}));
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere) return { reference: path, place: path };
  return { reference: model, place: (await pullModel(model, modelStore({ ...settings, model }, say))).directory };
}

/**
 * By default fp32 for a small model, which is fastest; of a large one, weights of 4 bits stay what they are. Either way the
 * model computes with the values that its files hold. @throws E_CONFIG
 */
async function generatorPrecision({ precision }: GeneratorSettings, place: string): Promise<GeneratorPrecision> {
  if (precision === undefined) return (await bytesAt(place)) <= mostBytesForFp32 ? "fp32" : "auto";
  if (precision !== "fp16") return precision;
  throw new MillraceError("E_CONFIG", "text is not generated in fp16", { fix: "Use --precision auto, fp32 or int8." });
}

/** Of files: where they hold blocks of 4 bits, fp32 takes six times as much. */
const mostBytesForFp32 = 512 * 2 ** 20;

/** Bytes of a file, or of the files in a folder. */
async function bytesAt(place: string): Promise<number> {
  const facts = await stat(place);
  if (!facts.isDirectory()) return facts.size;
  const names = await readdir(place);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(place, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What is set goes before what the model says. */
async function decodingOf(settings: Settings, compiled: CompiledGenerator): Promise<DecodingOptions> {
  const { badWords, stop, logprobs, seed, frequencyPenalty, presencePenalty } = settings;
  const model = modelDecoding(compiled);
  const temperature = settings.temperature ?? ((settings.numBeams ?? 1) > 1 ? 0 : model.temperature);
  const beams = beamsOf(settings, { compiled, isDrawn: temperature > 0 });
  return {
    ...model,
    ...(beams && { beams }),
    maxNewTokens: settings.maxNewTokens ?? model.maxNewTokens,
    minNewTokens: settings.minNewTokens || model.minNewTokens,
    temperature,
    topK: settings.topK ?? model.topK,
    topP: settings.topP ?? model.topP,
    minP: settings.minP ?? model.minP,
    repetitionPenalty: settings.repetitionPenalty ?? model.repetitionPenalty,
    noRepeatNgramSize: settings.distinctNgramSize ?? model.noRepeatNgramSize,
    frequencyPenalty,
    presencePenalty,
    stopTexts: stop,
    badWords: [...model.badWords, ...(await idsOf(badWords, compiled.tokenizerPath))],
    seed,
    ...(logprobs !== undefined && { topLogprobs: logprobs }),
  };
}

interface Drawing {
  readonly compiled: CompiledGenerator;
  readonly isDrawn: boolean;
}

/** The model's own beams make way for drawing, and for what only goes without them; those that are asked for do not. */
function beamsOf(settings: Settings, { compiled, isDrawn }: Drawing): BeamOptions | undefined {
  const model = modelBeams(compiled);
  const { stop, logprobs, numBeams, numReturnSequences: returned } = settings;
  const isInTheWay = isDrawn || stop.length > 0 || logprobs !== undefined;
  const count = numBeams ?? (isInTheWay ? 1 : model.count);
  if (count === 1) return undefined;
  return {
    count,
    returned,
    lengthPenalty: settings.lengthPenalty ?? model.lengthPenalty,
    earlyStopping: earlyStoppings.find((each) => String(each) === settings.earlyStopping) ?? model.earlyStopping,
  };
}

/** A word stands at the beginning of a text or behind a space, which most tokenizers divide in two ways. */
async function idsOf(words: readonly string[], tokenizerPath: string): Promise<readonly (readonly number[])[]> {
  if (words.length === 0) return [];
  const tokenizer = await loadTokenizer(tokenizerPath, { hasSpecialTokens: false });
  const ids = await tokenizer.encode(words.flatMap((word) => [word, ` ${word}`]));
  const distinct = new Map(ids.map((each) => [each.join(), [...each]]));
  return [...distinct.values()].filter((each) => each.length > 0);
}
