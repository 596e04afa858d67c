import { resolve } from "node:path";
import type { CompiledModel } from "@millrace/compiler";
import type { Chunker, Encoder, Job, Searcher, Source, Steps, Tokenizer } from "@millrace/core";
import {
  canonicalJson,
  compileInHost,
  createChunker,
  createLazyEncoder,
  createSearcher,
  createSink,
  createSteps,
  fingerprintOf,
  folderBlobs,
  HostSplitter,
  type InstalledModel,
  type LazyEncoder,
  loadTokenizer,
  lockFolder,
  type ModelStoreOptions,
  openSource,
  parseStoreUri,
  pullModel,
  sha256,
  spoolStandardInput,
  storeUri,
} from "@millrace/workers";
import type { Settings } from "./index.js";

/** Says one line to the user. */
export type Say = (line: string) => void;

/** Where models are kept and brought from. */
export function modelStore(settings: Settings, say: Say): ModelStoreOptions {
  return {
    modelsDirectory: settings.modelsDirectory ?? resolve(settings.cacheDirectory, "models"),
    hubEndpoint: settings.hubEndpoint,
    ...(settings.hubToken === undefined ? {} : { hubToken: settings.hubToken }),
    python: settings.python,
    isOffline: settings.offline,
    report: say,
  };
}

/** A model on this machine, compiled, with its tokenizer. */
export interface OpenModel {
  readonly installed: InstalledModel;
  readonly compiled: CompiledModel;
  readonly tokenizer: Tokenizer;
}

/** Brings a model here if it is not, and compiles it if it was not. */
export async function openModel(settings: Settings, reference: string, say: Say): Promise<OpenModel> {
  const installed = await pullModel(reference, modelStore(settings, say));
  const compiled = await compileInHost({
    directory: installed.directory,
    precision: settings.precision,
    cacheDirectory: resolve(settings.cacheDirectory, "compiled"),
  });
  return { installed, compiled, tokenizer: await loadTokenizer(compiled.tokenizerPath) };
}

export function openEncoder({ compiled }: OpenModel, settings: Settings, say: Say): LazyEncoder {
  return createLazyEncoder({
    model: compiled,
    hosts: settings.hosts,
    tokenBudget: settings.tokenBudget,
    onRestart: (reason) => say(`an encoder host ended (${reason}); its work is done again`),
  });
}

/** Everything `index` needs, opened. */
export interface OpenJob {
  readonly job: Job;
  readonly model: OpenModel;
  readonly steps: Steps;
  readonly encoder: LazyEncoder;
  close(): Promise<void>;
}

export interface JobRequest {
  readonly settings: Settings;
  /** A folder, a file, a glob, or `-` for standard input. */
  readonly location: string;
  readonly standardInput: AsyncIterable<Uint8Array>;
  readonly say: Say;
  readonly onTokens: (tokens: number) => void;
}

/** Opens source, model, store and work folder, in the order in which they can fail without leaving anything behind. */
export async function openJob(request: JobRequest): Promise<OpenJob> {
  const { settings, say } = request;
  const { job, model, source } = await describeJob(request);
  const unlock = await lockFolder(job.work);
  const sink = createSink(job.store);
  try {
    const { dimensions } = model.compiled;
    const { reference } = model.installed.origin;
    const store = await sink.open({
      dimensions,
      distance: "cosine",
      fingerprint: job.fingerprint,
      graph: model.compiled.graphDigest,
      model: model.installed.origin.kind === "directory" ? reference : settings.model,
    });
    const encoder = openEncoder(model, settings, say);
    const splitter = openSplitter(job, model, { store, say });
    const context = { blobs: folderBlobs(job.work), source, sink, store, encoder, splitter, onTokens: request.onTokens };
    const close = async () => {
      await Promise.all([encoder.close(), splitter.close()]);
      await sink.close();
      await unlock();
    };
    return { job, model, encoder, steps: createSteps(async () => context), close };
  } catch (error) {
    await sink.close();
    await unlock();
    throw error;
  }
}

export interface DescribedJob {
  readonly job: Job;
  readonly model: OpenModel;
  readonly source: Source;
}

/** Makes a job of settings, without writing anything but models and what standard input held. */
export async function describeJob({ settings, location, standardInput, say }: JobRequest): Promise<DescribedJob> {
  const spooled = location === "-" ? await spoolStandardInput(standardInput, settings.work) : undefined;
  const sourceSpec = spooled ?? { location: resolve(location), include: settings.include, exclude: settings.exclude };
  const source = await openSource(sourceSpec);
  const model = await openModel(settings, settings.model, say);
  const { compiled, tokenizer, installed } = model;
  const chunking = {
    strategy: settings.chunkingStrategy,
    maxTokens: Math.min(settings.maxTokens ?? compiled.maxTokens, compiled.maxTokens),
    overlap: settings.overlap,
  };
  const { precision } = settings;
  const corpus = settings.corpus ?? source.uri;
  const store = storeUri(settings.store);
  const job: Job = {
    corpus,
    source: sourceSpec,
    fields: {
      ...(settings.idField === undefined ? {} : { id: settings.idField }),
      ...(settings.titleField === undefined ? {} : { title: settings.titleField }),
      text: settings.textField,
      payload: settings.payloadFields,
    },
    chunking,
    model: { directory: installed.directory, precision },
    store,
    work: resolve(settings.work, workName(corpus, store)),
    full: settings.full,
    allowEmpty: settings.allowEmpty,
    keepVectors: settings.keepVectors,
    fingerprint: fingerprintOf({ graph: compiled.graphDigest, tokenizer: tokenizer.digest, precision, chunking }),
  };
  return { job, model, source };
}

/** One folder for each corpus in each store, so that jobs that share `--work` do not share a manifest. */
function workName(corpus: string, store: string): string {
  return sha256(canonicalJson([corpus, store])).slice(0, 16);
}

export function openSplitter(job: Job, { compiled }: OpenModel, { store, say }: { store: string; say: Say }): HostSplitter {
  return new HostSplitter({
    job,
    store,
    tokenizerPath: compiled.tokenizerPath,
    onRestart: (reason) => say(`${reason}; the shard is read again`),
  });
}

/** A store to ask, with the model it was filled with. */
export interface OpenSearch {
  readonly searcher: Searcher;
  readonly embed: (texts: readonly string[]) => Promise<Float32Array>;
  close(): Promise<void>;
}

/** Opens a store for reading. The model is the one the store names, unless another place is given for the same model. */
export async function openSearch(settings: Settings, reference: string | undefined, say: Say): Promise<OpenSearch> {
  const searcher = createSearcher(settings.store);
  const schema = await searcher.schema();
  const model = await openModel(settings, reference ?? schema.model, say);
  checkGraph(schema.graph, model);
  const encoder = openEncoder(model, { ...settings, hosts: 1 }, say);
  return {
    searcher,
    embed: (texts) => embedTexts(model, encoder, texts),
    async close() {
      await encoder.close();
      await searcher.close();
    },
  };
}
