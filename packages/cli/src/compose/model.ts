import { resolve } from "node:path";
import { type CompiledModel, choosePrompt, type Fidelity, type TextRole } from "@millrace/compiler";
import { deviceText, type EngineFacts, type Job, MillraceError, type Tokenizer } from "@millrace/core";
import {
  compileInHost,
  createLazyEncoder,
  encodeRows,
  type InstalledModel,
  KnownVectors,
  type LazyEncoder,
  listModels,
  loadTokenizer,
  type Metrics,
  type ModelStoreOptions,
  observeEngine,
  openVectorCache,
  pullModel,
  type StoreOptions,
  withPrompt,
} from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import { checkPrecision, precisionOf, readyDevice } from "./device.js";

/** Says one line to the user. */
export type Say = (line: string) => void;

/** Where models are kept and brought from. */
export function modelStore(settings: Omit<Settings, "precision">, say: Say): ModelStoreOptions {
  return {
    modelsDirectory: settings.modelsDirectory ?? resolve(settings.cacheDirectory, "models"),
    hubEndpoint: settings.hubEndpoint,
    ...(settings.hubToken === undefined ? {} : { hubToken: settings.hubToken }),
    python: settings.python,
    isOffline: settings.offline,
    report: say,
  };
}

/** What the store is opened with besides its uri; not part of a job, which travels. */
export function storeOptions({ qdrantApiKey, qdrantTimeout }: Settings): StoreOptions {
  return { apiKey: qdrantApiKey, timeoutMilliseconds: qdrantTimeout * 1000 };
}

/** A model on this machine, compiled, with its tokenizer. */
export interface OpenModel {
  readonly installed: InstalledModel;
  readonly compiled: CompiledModel;
  readonly tokenizer: Tokenizer;
}

/** Brings a model here if it is not, and compiles it if it was not. */
export async function openModel(settings: Settings, reference: string, say: Say): Promise<OpenModel> {
  return openInstalled(settings, await pullModel(reference, modelStore(settings, say)), say);
}

/** Compiles a model that is here as an encoder. */
export async function openInstalled(settings: Settings, installed: InstalledModel, say: Say): Promise<OpenModel> {
  const compiled = await compileInHost({
    directory: installed.directory,
    precision: precisionOf(settings),
    ...(settings.dimensions !== undefined && { dimensions: settings.dimensions }),
    ...(settings.onnxFile !== undefined && { onnxFile: settings.onnxFile }),
    cacheDirectory: resolve(settings.cacheDirectory, "compiled"),
  });
  if (compiled.rejected !== undefined) say(rejection(installed.name, compiled.rejected));
  const { tokenizerPath, hasSpecialTokens } = compiled;
  return { installed, compiled, tokenizer: await loadTokenizer(tokenizerPath, { hasSpecialTokens }) };
}

/** The same model, with the prompt for documents before every text: the one asked for, else the model's own. */
export async function withDocumentPrompt(model: OpenModel, wanted: string | undefined): Promise<OpenModel> {
  return { ...model, tokenizer: await promptedTokenizer(model, "document", wanted) };
}

/** The model's tokenizer with the prompt for queries before every text: the one asked for, else the model's own. */
export function queryTokenizer(model: OpenModel, wanted: string | undefined): Promise<Tokenizer> {
  return promptedTokenizer(model, "query", wanted);
}

async function promptedTokenizer(
  { compiled, tokenizer }: OpenModel,
  role: TextRole,
  wanted: string | undefined,
): Promise<Tokenizer> {
  return withPrompt(tokenizer.prompt?.without ?? tokenizer, choosePrompt(compiled.prompts, role, wanted));
}

function rejection(name: string, { meanCosine, leastCosine, errorShare }: Fidelity): string {
  const cosines = `cosine ${meanCosine.toFixed(4)} to fp32, ${leastCosine.toFixed(4)} at worst`;
  return `warning: int8 would change ${name} too much (${cosines}, error share ${(errorShare * 100).toFixed(1)} %); using fp32`;
}

/** Brings the model a job was made with. @throws E_MODEL_DIGEST where it is another one here */
export async function openJobModel(
  { settings, say }: { readonly settings: Settings; readonly say: Say },
  job: Job,
  reference: string = job.model.reference,
): Promise<OpenModel> {
  const { precision, dimensions, onnxFile, prompt = "" } = job.model;
  const model = await openModel({ ...settings, precision, dimensions, onnxFile }, reference, say);
  checkModel(job, model);
  return { ...model, tokenizer: await withPrompt(model.tokenizer, prompt) };
}

/** @throws E_MODEL_DIGEST */
export function checkModel({ model }: Job, { compiled }: OpenModel): void {
  if (model.graph === compiled.graphDigest) return;
  throw new MillraceError("E_MODEL_DIGEST", `${model.reference} is another model here than where the job was started`, {
    why: `its graph has sha256 ${compiled.graphDigest.slice(0, 12)}…, the job's has ${model.graph.slice(0, 12)}…`,
    fix: "Bring the same revision to every machine.",
  });
}

/** The encoder on the device that is set, which must be usable; its hosts start when they are needed. @throws E_DEVICE, E_CONFIG */
export async function openEncoder(
  model: OpenModel,
  settings: Settings,
  { say, metrics }: { readonly say: Say; readonly metrics?: Metrics | undefined },
): Promise<LazyEncoder> {
  const { compiled } = model;
  checkPrecision(compiled.precision, settings);
  const device = await readyDevice(settings);
  const encoder = createLazyEncoder({
    model: compiled,
    device,
    ...(metrics && { observer: observeEngine(metrics, { device: deviceText(device) }) }),
    hosts: settings.hosts,
    tokenBudget: settings.tokenBudget,
    onRestart: (reason) => say(`an encoder host ended (${reason}); its work is done again`),
  });
  if (metrics !== undefined) tellModel(metrics, model, encoder.engine);
  return encoder;
}

/** Says which model runs on what. */
function tellModel(metrics: Metrics, { installed, compiled }: OpenModel, { device, provider }: EngineFacts): void {
  const { precision, dimensions } = compiled;
  const labels = { model: installed.name, precision, device, provider, dimensions: String(dimensions) };
  metrics.set("millrace_model_info", labels, 1);
}

/** What a run of this model need not encode again. */
export async function openKnownVectors({ compiled }: OpenModel, settings: Settings): Promise<KnownVectors> {
  const { vectorCache: folder, vectorCacheBytes: bytes, full } = settings;
  const cache = folder === undefined || full ? undefined : await openVectorCache({ folder, bytes });
  return new KnownVectors(compiled.graphDigest, cache);
}

/** Models that are on this machine. */
export async function installedModels(settings: Settings): Promise<readonly InstalledModel[]> {
  return listModels(modelStore(settings, () => {}));
}

/** Tokens per second of a short trial with rows of half a chunk's length. */
export async function measureRate(
  encoder: LazyEncoder,
  { compiled }: OpenModel,
  { maxTokens }: Job["chunking"],
): Promise<number> {
  const length = Math.max(1, Math.floor(maxTokens / 2));
  const row = Int32Array.from({ length }, (_, position) => (position * 7919 + 101) % compiled.vocabularySize);
  const rows = Array.from({ length: trialRows }, () => row);
  await encodeRows(encoder, rows.slice(0, 4));
  const startedAt = performance.now();
  await encodeRows(encoder, rows);
  return (trialRows * length) / ((performance.now() - startedAt) / 1000);
}

const trialRows = 96;
