import { join, parse } from "node:path";
import {
  type GenerateFormat,
  type GenerateJob,
  type GenerateSteps,
  type Log,
  MillraceError,
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
import { type Answerer, answererOf, noGenerator, type OpenAnswerers, openEmbedding } from "./answerers.js";
import { type OpenLocation, openLocation } from "./described-job.js";
import { type GeneratorSurroundings, openGenerator } from "./generator.js";
import { observedAnswering, observedGeneration, openTracing, traceJob } from "./observed.js";
import { promptSpecOf } from "./prompt-spec.js";
import { type AskedTask, openTask } from "./task.js";

/** Everything `generate` needs, opened. */
export interface OpenGeneration {
  readonly job: GenerateJob;
  /** As index calls what is read. */
  readonly corpus: string;
  readonly steps: GenerateSteps;
  readonly open: Answerer;
  /** What the job did, where it is done and its output is there. */
  readonly finished: Awaited<ReturnType<typeof finishedSummary>>;
  close(): Promise<void>;
}

export interface GenerationRequest extends Omit<GeneratorSurroundings, "spec" | "defaults"> {
  readonly format: GenerateFormat;
  /** What is done with each row, where it is more than answering its prompt. */
  readonly task?: AskedTask;
  /** Whether there is a model that generates, or only one that makes vectors. */
  readonly hasModel: boolean;
  readonly location: string;
  readonly standardInput: AsyncIterable<Uint8Array>;
  /** When it fires, what is not answered is let go of. */
  readonly stop: AbortSignal;
  readonly onAnswer: (answer: AnswerNote) => void;
  readonly log?: Log | undefined;
}

/** A job of settings, with what it reads and what answers, opened. */
export interface DescribedGeneration extends OpenAnswerers {
  readonly job: GenerateJob;
  readonly opened: OpenLocation;
  close(): Promise<void>;
}

/** Opens source and model, in the order in which they can fail without leaving anything behind. */
export async function describeGeneration(request: GenerationRequest): Promise<DescribedGeneration> {
  const { settings } = request;
  const out = outOf(settings);
  const opened = await openLocation({ ...request, onTokens: () => {} }, settings.work);
  try {
    const answerers = await (request.task ? openTask(request, request.task) : openAnswerers(request));
    const closeAnswerers = async () => {
      const { open, embedding, judge } = answerers;
      await Promise.all([open.close(), embedding?.encoder.close(), judge?.encoder.close()]);
    };
    const close = async () => {
      await closeAnswerers();
      await opened.discard();
    };
    try {
      return { job: await describe(request, { opened, out, ...answerers }), opened, close, ...answerers };
    } catch (error) {
      await closeAnswerers();
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
async function openAnswerers(request: GenerationRequest): Promise<OpenAnswerers> {
  const { settings, say, format, hasModel } = request;
  const spec = await promptSpecOf(settings);
  const embedding = format === "openai" ? await openEmbedding(settings, say) : undefined;
  const isWithout = embedding !== undefined && !hasModel;
  // OpenAI's requests know no beams: a model's own are not theirs.
  const own = format === "openai" ? { ...settings, numBeams: 1 } : settings;
  const open = isWithout
    ? noGenerator(embedding, embedding.encoder.engine)
    : answererOf(await openGenerator({ ...request, settings: own, spec }));
  return { spec, open, embedding };
}

function outOf({ out }: Settings): string {
  if (out !== undefined) return out;
  throw new MillraceError("E_USAGE", "there is no place for the answers", { fix: "Name a file with --out." });
}

interface Described extends OpenAnswerers {
  readonly opened: OpenLocation;
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
  { opened, spec, task, open, embedding, out }: Described,
): Promise<GenerateJob> {
  const job = {
    format,
    source: opened.spec,
    prompts: spec,
    ...(task && { task }),
    model: { reference: open.reference, precision: open.precision, graph: open.graph },
    ...(embedding && { embedding: { reference: embedding.reference, graph: embedding.graph } }),
    decoding: open.decoding,
    sequences: task === undefined ? settings.numReturnSequences : 1,
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
  { opened, open, embedding, judge, job, close }: DescribedGeneration,
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
    ...(judge && { judge }),
  };
  return {
    job,
    corpus: settings.corpus ?? opened.uri,
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
