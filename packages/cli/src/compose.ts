import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { CompiledModel } from "@millrace/compiler";
import {
  type Job,
  MillraceError,
  type SearchHit,
  type Source,
  type SourceSpec,
  type Steps,
  type Tokenizer,
} from "@millrace/core";
import {
  canonicalJson,
  checkChunking,
  compileInHost,
  createLazyEncoder,
  createSearcher,
  createSink,
  createSteps,
  diagnose,
  discardingBlobs,
  encodeRows,
  encodeTexts,
  type Finding,
  fingerprintOf,
  folderBlobs,
  HostSplitter,
  type InstalledModel,
  type LazyEncoder,
  listModels,
  loadTokenizer,
  lockFolder,
  type ModelStoreOptions,
  openSource,
  parseFilter,
  parseStoreUri,
  pullModel,
  sha256,
  spooledUri,
  spoolStandardInput,
  storeUri,
} from "@millrace/workers";
import { resolvePath } from "./config/paths.js";
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
  const { settings } = request;
  const opened = await openLocation(request, settings.work);
  try {
    const open = await openDescribed(request, await describeJob(request, opened));
    return { ...open, close: () => open.close().finally(opened.discard) };
  } catch (error) {
    await opened.discard();
    throw error;
  }
}

async function openDescribed({ settings, say, onTokens }: JobRequest, described: DescribedJob): Promise<OpenJob> {
  const { job, model, source } = described;
  const unlock = await lockPlaces(job);
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
    const splitter = openSplitter(job, model, { store, say, isDryRun: false });
    const context = {
      blobs: folderBlobs(job.work),
      source,
      sink,
      store,
      encoder,
      splitter,
      onTokens,
    };
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

/** Work folder and store have one writer each; a store in memory is this process's own. */
async function lockPlaces({ work, store }: Job): Promise<() => Promise<void>> {
  const unlockWork = await lockFolder(work);
  const { driver, place } = parseStoreUri(store);
  if (driver === "memory") return unlockWork;
  try {
    const unlockStore = await lockFolder(place);
    return async () => void (await Promise.all([unlockWork(), unlockStore()]));
  } catch (error) {
    await unlockWork();
    throw error;
  }
}

interface DescribedJob {
  readonly job: Job;
  readonly model: OpenModel;
  readonly source: Source;
}

interface OpenLocation {
  readonly spec: SourceSpec;
  readonly source: Source;
  /** The source's uri as every run with these settings has it. */
  readonly uri: string;
  /** Removes what standard input was kept in. */
  discard(): Promise<void>;
}

/** Opens what is to be read; standard input is kept in a folder first, to be read as often as it takes. */
async function openLocation(
  { settings, location, standardInput }: JobRequest,
  spoolFolder: string,
): Promise<OpenLocation> {
  if (location !== "-") {
    const spec = { location: resolve(resolvePath(location, {})), include: settings.include, exclude: settings.exclude };
    const source = await openSource(spec);
    return { spec, source, uri: source.uri, discard: async () => {} };
  }
  const spec = await spoolStandardInput(standardInput, spoolFolder);
  const uri = await spooledUri(settings.work);
  return { spec, source: await openSource(spec), uri, discard: () => rm(spec.location, { force: true }) };
}

/** Makes a job of settings, without writing anything but models. */
async function describeJob({ settings, say }: JobRequest, { spec, source, uri }: OpenLocation): Promise<DescribedJob> {
  const model = await openModel(settings, settings.model, say);
  const { compiled, tokenizer, installed } = model;
  const chunking = {
    strategy: settings.chunkingStrategy,
    maxTokens: Math.min(settings.maxTokens ?? compiled.maxTokens, compiled.maxTokens),
    overlap: settings.overlap,
  };
  checkChunking(tokenizer, chunking);
  const { precision } = settings;
  const corpus = settings.corpus ?? uri;
  const store = storeUri(settings.store);
  const job: Job = {
    corpus,
    source: spec,
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
    limits: { maxRowBytes: settings.maxRowBytes, maxObjectBytes: settings.maxObjectBytes },
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

interface SplitterChoice {
  readonly store: string;
  readonly say: Say;
  readonly isDryRun: boolean;
}

function openSplitter(job: Job, { compiled }: OpenModel, { store, say, isDryRun }: SplitterChoice): HostSplitter {
  return new HostSplitter({
    job,
    store,
    tokenizerPath: compiled.tokenizerPath,
    isDryRun,
    onRestart: (reason) => say(`${reason}; the shard is read again`),
  });
}

/** A job whose plan and split can be taken, and nothing else: neither store nor work folder is written. */
export async function openDryRun(request: JobRequest): Promise<OpenJob> {
  const spool = request.location === "-" ? await mkdtemp(join(tmpdir(), "millrace-plan-")) : undefined;
  const discard = async () => void (spool && (await rm(spool, { recursive: true, force: true })));
  try {
    const opened = await openLocation(request, spool ?? "");
    return await openPlan(request, await describeJob(request, opened), discard);
  } catch (error) {
    await discard();
    throw error;
  }
}

async function openPlan(
  { settings, say }: JobRequest,
  { job, model, source }: DescribedJob,
  discard: () => Promise<void>,
): Promise<OpenJob> {
  const store = await storeIdentity(job.store);
  const encoder = openEncoder(model, settings, say);
  const splitter = openSplitter(job, model, { store, say, isDryRun: true });
  const blobs = discardingBlobs(folderBlobs(job.work));
  const context = { blobs, source, sink: createSink(job.store), store, encoder, splitter };
  return {
    job,
    model,
    encoder,
    steps: createSteps(async () => context),
    close: async () => {
      await Promise.all([encoder.close(), splitter.close()]);
      await discard();
    },
  };
}

/** Empty where there is no store yet. */
async function storeIdentity(store: string): Promise<string> {
  const searcher = createSearcher(store);
  try {
    return (await searcher.schema()).identity;
  } catch (error) {
    if (error instanceof MillraceError && error.code === "E_STORE_MISSING") return "";
    throw error;
  } finally {
    await searcher.close();
  }
}

/** A store to ask, with the model it was filled with. */
export interface OpenSearch {
  /** Best first. `filters` as `field:pattern`. */
  find(
    query: string,
    options: { readonly top: number; readonly filters: readonly string[] },
  ): Promise<readonly SearchHit[]>;
  close(): Promise<void>;
}

/** Opens a store for reading. The model is the one the store names, unless another place is given for the same model. */
export async function openSearch(settings: Settings, reference: string | undefined, say: Say): Promise<OpenSearch> {
  const searcher = createSearcher(settings.store);
  const schema = await searcher.schema();
  const model = await openModel(settings, reference ?? schema.model, say).catch((error: unknown) => {
    throw reference === undefined ? modelOfStoreError(error, settings.store) : error;
  });
  checkGraph(schema.graph, model);
  const encoder = openEncoder(model, { ...settings, hosts: 1 }, say);
  return {
    async find(query, { top, filters }) {
      const conditions = filters.map(parseFilter);
      const vector = await encodeTexts([query], { tokenizer: model.tokenizer, encoder });
      return searcher.search({ vector, top, filters: conditions });
    },
    async close() {
      await encoder.close();
      await searcher.close();
    },
  };
}

/** The user named no model, so the store's place says more than the model's. */
function modelOfStoreError(error: unknown, store: string): unknown {
  if (!(error instanceof MillraceError) || error.code !== "E_MODEL_MISSING") return error;
  return new MillraceError(error.code, `the model that ${store} was filled with cannot be opened`, {
    why: `${error.what}${error.why === undefined ? "" : ` (${error.why})`}`,
    fix: "Put it back there, or say with --model where the same model is.",
    cause: error,
  });
}

function checkGraph(graph: string, { compiled, installed }: OpenModel): void {
  if (compiled.graphDigest === graph) return;
  throw new MillraceError("E_STORE_FINGERPRINT", `the store was filled with another model than ${installed.name}`, {
    why: `its graph is ${graph.slice(0, 12)}…, this one's ${compiled.graphDigest.slice(0, 12)}…`,
    fix: "Give the model it was filled with as --model.",
  });
}

/** Models that are on this machine. */
export async function installedModels(settings: Settings): Promise<readonly InstalledModel[]> {
  return listModels(modelStore(settings, () => {}));
}

/** Tokens per second of a short trial with rows of half the model's length. */
export async function measureRate(encoder: LazyEncoder, { compiled }: OpenModel): Promise<number> {
  const length = Math.max(1, Math.floor(compiled.maxTokens / 2));
  const row = Int32Array.from({ length }, (_, position) => (position * 7919 + 101) % compiled.vocabularySize);
  const rows = Array.from({ length: trialRows }, () => row);
  await encodeRows(encoder, rows.slice(0, 4));
  const startedAt = performance.now();
  await encodeRows(encoder, rows);
  return (trialRows * length) / ((performance.now() - startedAt) / 1000);
}

const trialRows = 96;

/** Ranks a job's store for each of some queries: documents, best first, each once. */
export async function openRanker(
  { job, model, encoder }: OpenJob,
  queries: readonly string[],
): Promise<(query: number, top: number) => Promise<readonly string[]>> {
  const { dimensions } = encoder;
  const vectors = await encodeTexts(queries, { tokenizer: model.tokenizer, encoder });
  const searcher = createSearcher(job.store);
  return async (query, top) => {
    const vector = vectors.subarray(query * dimensions, (query + 1) * dimensions);
    const hits = await searcher.search({ vector, top, filters: [] });
    return [...new Set(hits.map(({ record }) => record.document))];
  };
}

/** What `doctor` finds on this machine. */
export async function examineMachine(settings: Settings): Promise<readonly Finding[]> {
  const location = storeUri(settings.store);
  const searcher = createSearcher(location);
  try {
    return await diagnose({
      folders: [settings.work, settings.cacheDirectory],
      model: settings.model,
      modelStore: modelStore(settings, () => {}),
      store: { location, schema: () => searcher.schema() },
    });
  } finally {
    await searcher.close();
  }
}
