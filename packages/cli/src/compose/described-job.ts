import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import type { Chunking, CollectionSettings, Job, Log, Source, SourceSpec, VectorForm } from "@millrace/core";
import {
  checkChunking,
  checkVectorPrecision,
  chunkerVersion,
  fingerprintOf,
  jobIdOf,
  type Metrics,
  openBlobs,
  openSource,
  parseStoreUri,
  readJobRecord,
  spooledUri,
  spoolStandardInput,
  storeUri,
  vectorStep,
  workName,
  workPlace,
} from "@millrace/workers";
import { resolvePath } from "../config/paths.js";
import type { Settings } from "../config/settings.js";
import { parsePayloadIndex } from "../config/values.js";
import { checkPrecision } from "./device.js";
import { type OpenModel, openEncoder, openModel, type Say, withDocumentPrompt } from "./model.js";

/** What a job is made of. */
export interface JobRequest {
  readonly settings: Settings;
  /** A folder, a file, a glob, or `-` for standard input. */
  readonly location: string;
  readonly standardInput: AsyncIterable<Uint8Array>;
  readonly say: Say;
  readonly onTokens: (tokens: number) => void;
  /** Counts what is done, where somebody is to hear of it. */
  readonly metrics?: Metrics | undefined;
  readonly log?: Log | undefined;
}

/** A job with what it reads and the model it uses, opened. */
export interface DescribedJob {
  readonly job: Job;
  readonly model: OpenModel;
  readonly source: Source;
}

/** What is to be read, opened. */
export interface OpenLocation {
  readonly spec: SourceSpec;
  readonly source: Source;
  /** The source's uri as every run with these settings has it. */
  readonly uri: string;
  /** Removes what standard input was kept in. */
  discard(): Promise<void>;
}

/** Opens what is to be read; standard input is kept in a folder first, to be read as often as it takes. */
export async function openLocation(
  { settings, location, standardInput }: JobRequest,
  spoolFolder: string,
): Promise<OpenLocation> {
  if (location !== "-") {
    const place = location.startsWith("s3://") ? location : resolve(resolvePath(location, {}));
    const spec = { location: place, include: settings.include, exclude: settings.exclude };
    const source = await openSource(spec);
    return { spec, source, uri: source.uri, discard: async () => {} };
  }
  const spec = await spoolStandardInput(standardInput, spoolFolder);
  const uri = await spooledUri(settings.work);
  return { spec, source: await openSource(spec), uri, discard: () => rm(spec.location, { force: true }) };
}

/** Makes a job of settings, without writing anything but models. */
export async function describeJob(
  { settings, say }: JobRequest,
  { spec, source, uri }: OpenLocation,
): Promise<DescribedJob> {
  const model = await withDocumentPrompt(await openModel(settings, settings.model, say), settings.documentPrompt);
  const { compiled, tokenizer, installed } = model;
  const chunking = chunkingOf(settings, compiled.maxTokens);
  checkChunking(tokenizer, chunking);
  const { precision } = compiled;
  checkPrecision(precision, settings);
  const corpus = settings.corpus ?? uri;
  const store = storeUri(settings.store);
  checkVectorPrecision(store, settings.vectorPrecision);
  const form = await vectorFormOf(model, settings, say);
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
    model: {
      reference: installed.origin.kind === "directory" ? installed.origin.reference : settings.model,
      precision,
      graph: compiled.graphDigest,
      dimensions: compiled.dimensions,
      ...(settings.onnxFile !== undefined && { onnxFile: settings.onnxFile }),
      ...(tokenizer.prompt && { prompt: tokenizer.prompt.text }),
    },
    store,
    ...form,
    ...(parseStoreUri(store).driver.startsWith("qdrant") ? { collection: collectionOf(settings) } : {}),
    work: await workOf(settings.work, { corpus, store }),
    limits: { maxRowBytes: settings.maxRowBytes, maxObjectBytes: settings.maxObjectBytes },
    full: settings.full,
    allowEmpty: settings.allowEmpty,
    keepVectors: settings.keepVectors,
    fingerprint: fingerprintOf({
      graph: compiled.graphDigest,
      tokenizer: tokenizer.digest,
      precision,
      chunking,
      chunker: chunkerVersion,
      ...form,
    }),
  };
  return { job, model, source };
}

/** One vector for thousands of tokens finds little of what they say, however many a model takes. */
const usualChunkTokens = 512;

/** A text that is cut instead keeps as much as the model takes. */
function chunkingOf({ chunkingStrategy: strategy, maxTokens, overlap }: Settings, limit: number): Chunking {
  const usual = strategy === "truncate" ? limit : usualChunkTokens;
  return { strategy, maxTokens: Math.min(maxTokens ?? usual, limit), overlap };
}

/** The form that is asked for; nothing for float32, which is every store's that says nothing. */
async function vectorFormOf(model: OpenModel, settings: Settings, say: Say): Promise<{ readonly form?: VectorForm }> {
  const { vectorPrecision: precision } = settings;
  if (precision === "float32") return {};
  if (precision !== "int8") return { form: { precision } };
  // A job for a GPU may be described where there is none; a processor runs each graph.
  const encoder = () => openEncoder(model, { ...settings, device: "cpu" }, { say });
  return { form: { precision, step: await vectorStep({ ...model, model: model.compiled, encoder }) } };
}

/** A job goes on where what its store holds was made: another generation has a work folder of its own. */
export async function workOf(root: string, job: Pick<Job, "corpus" | "store">): Promise<string> {
  const id = jobIdOf(job);
  const record = await readJobRecord(await openBlobs(root), id);
  return workPlace(root, record === undefined ? id : workName(record.work));
}

function collectionOf(settings: Settings): CollectionSettings {
  return {
    quantization: settings.qdrantQuantization,
    vectors: settings.qdrantVectors,
    payload: settings.qdrantPayload,
    graphEdges: settings.qdrantHnswM,
    graphCandidates: settings.qdrantEfConstruct,
    shards: settings.qdrantShards,
    replicas: settings.qdrantReplicas,
    payloadIndexes: settings.payloadIndex.map(parsePayloadIndex),
  };
}
