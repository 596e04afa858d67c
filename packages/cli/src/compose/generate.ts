import { readFile } from "node:fs/promises";
import { join, parse } from "node:path";
import {
  type GenerateFormat,
  type GenerateJob,
  type GenerateSteps,
  type Log,
  MillraceError,
  type PromptSpec,
  type Source,
} from "@millrace/core";
import {
  type AnswerNote,
  blobJournals,
  canonicalJson,
  createGenerateSteps,
  fileJournals,
  finishedSummary,
  guardedBlobs,
  leaseWorkFolder,
  openBlobs,
  sha256,
  workName,
  workPlace,
} from "@millrace/workers";
import type { Settings } from "../config/settings.js";
import { type Answerer, answererOf, noAnswerer, type OpenEmbedding, openEmbedding } from "./answerers.js";
import { type OpenLocation, openLocation } from "./described-job.js";
import { type GeneratorSurroundings, openGenerator } from "./generator.js";
import { observedAnswering, observedGeneration, openTracing, traceJob } from "./observed.js";

/** Everything `generate` needs, opened. */
export interface OpenGeneration {
  readonly job: GenerateJob;
  readonly steps: GenerateSteps;
  readonly open: Answerer;
  /** What the job did, where it is done and its output is there. */
  readonly finished: Awaited<ReturnType<typeof finishedSummary>>;
  close(): Promise<void>;
}

export interface GenerationRequest extends Omit<GeneratorSurroundings, "spec"> {
  readonly format: GenerateFormat;
  /** Whether there is a model that generates, or only one that makes vectors. */
  readonly hasModel: boolean;
  readonly location: string;
  readonly standardInput: AsyncIterable<Uint8Array>;
  /** When it fires, what is not answered is let go of. */
  readonly stop: AbortSignal;
  readonly onAnswer: (answer: AnswerNote) => void;
  readonly log?: Log | undefined;
}

/** How settings say that prompts are made. */
export async function promptSpecOf(settings: Settings): Promise<PromptSpec> {
  const { idField, template, chat, system, payloadFields } = settings;
  return {
    ...(idField === undefined ? {} : { id: idField }),
    ...(template === undefined ? {} : { template: await templateText(template) }),
    isChat: chat || system !== undefined,
    ...(system === undefined ? {} : { system }),
    payload: payloadFields,
  };
}

async function templateText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new MillraceError("E_CONFIG", `the template ${path} cannot be read`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "Name a file with a Jinja template.",
      cause,
    });
  }
}

/** A job of settings, with what it reads and what answers, opened. */
export interface DescribedGeneration {
  readonly job: GenerateJob;
  readonly opened: OpenLocation;
  readonly open: Answerer;
  readonly embedding: OpenEmbedding | undefined;
  close(): Promise<void>;
}

/** Opens source and model, in the order in which they can fail without leaving anything behind. */
export async function describeGeneration(request: GenerationRequest): Promise<DescribedGeneration> {
  const { settings } = request;
  const out = outOf(settings);
  const opened = await openLocation({ ...request, onTokens: () => {} }, settings.work);
  try {
    const spec = await promptSpecOf(settings);
    const { open, embedding } = await openAnswerers(request, spec);
    const close = async () => {
      await Promise.all([open.close(), embedding?.encoder.close()]);
      await opened.discard();
    };
    try {
      return { job: await describe(request, { opened, spec, open, embedding, out }), opened, open, embedding, close };
    } catch (error) {
      await Promise.all([open.close(), embedding?.encoder.close()]);
      throw error;
    }
  } catch (error) {
    await opened.discard();
    throw error;
  }
}

/** Opens all that answering in this process needs, the work folder last. */
export async function openGeneration(request: GenerationRequest): Promise<OpenGeneration> {
  const described = await describeGeneration(request);
  try {
    return await openDescribed(request, described);
  } catch (error) {
    await described.close();
    throw error;
  }
}

/** The model that answers, and the one that makes vectors where requests may want some. */
async function openAnswerers(
  request: GenerationRequest,
  spec: PromptSpec,
): Promise<{ readonly open: Answerer; readonly embedding: OpenEmbedding | undefined }> {
  const embedding = request.format === "openai" ? await openEmbedding(request.settings, request.say) : undefined;
  if (embedding !== undefined && !request.hasModel) return { open: noAnswerer(embedding), embedding };
  // OpenAI's requests know no beams: a model's own are not theirs.
  const settings = request.format === "openai" ? { ...request.settings, numBeams: 1 } : request.settings;
  return { open: answererOf(await openGenerator({ ...request, settings, spec })), embedding };
}

function outOf({ out }: Settings): string {
  if (out !== undefined) return out;
  throw new MillraceError("E_USAGE", "there is no place for the answers", { fix: "Name a file with --out." });
}

interface Described {
  readonly opened: OpenLocation;
  readonly spec: PromptSpec;
  readonly open: Answerer;
  readonly embedding: OpenEmbedding | undefined;
  readonly out: string;
}

/** `results.jsonl` → `results.errors.jsonl`. */
function besideOut(out: string): string {
  const { dir, name, ext } = parse(out);
  return join(dir, `${name}.errors${ext}`);
}

/** The work folder's name follows from all that decides an answer, the versions of the prompts' files included. */
async function describe(
  { settings, format }: GenerationRequest,
  { opened, spec, open, embedding, out }: Described,
): Promise<GenerateJob> {
  const job = {
    format,
    source: opened.spec,
    prompts: spec,
    model: { reference: open.reference, precision: open.precision, graph: open.graph },
    ...(embedding && { embedding: { reference: embedding.reference, graph: embedding.graph } }),
    decoding: open.decoding,
    sequences: settings.numReturnSequences,
    limits: { maxRowBytes: settings.maxRowBytes, maxObjectBytes: settings.maxObjectBytes },
    out,
    ...(format === "openai" && { errors: settings.errors ?? besideOut(out) }),
  };
  const { source: _, ...decisive } = job;
  const id = sha256(canonicalJson([opened.uri, await listingDigest(opened.source), decisive])).slice(0, 16);
  return { ...job, work: workPlace(settings.work, `generate-${id}`) };
}

async function listingDigest(source: Source): Promise<string> {
  let digest = "";
  for await (const { key, version } of source.list()) digest = sha256(JSON.stringify([digest, key, version]));
  if (digest !== "") return digest;
  throw new MillraceError("E_CORPUS_EMPTY", `there are no prompts in ${source.uri}`, {
    fix: "Name a file of JSON lines, CSV or Parquet, or a folder that holds some.",
  });
}

async function openDescribed(
  { settings, say, log, metrics, stop, onAnswer }: GenerationRequest,
  { opened, open, embedding, job, close }: DescribedGeneration,
): Promise<OpenGeneration> {
  const { work } = job;
  const lease = await leaseWorkFolder(work);
  const blobs = guardedBlobs(await openBlobs(work), lease.check);
  const { prompts, generator } = open;
  const tracing = await openTracing(settings, say);
  const observers = { log, metrics, tracing };
  const trace = traceJob(workName(job.work), tracing);
  const context = {
    blobs,
    openJournal: work.startsWith("s3://") ? blobJournals(blobs) : fileJournals(work),
    source: opened.source,
    prompts,
    generator,
    stop,
    onAnswer,
    ...(embedding && { encoding: embedding }),
  };
  return {
    job,
    steps: trace.generate(observedGeneration(createGenerateSteps(observedAnswering(context, observers)), observers)),
    open,
    finished: await finishedSummary(blobs, job),
    close: async () => {
      await close();
      await lease.release();
      await trace.end();
    },
  };
}
