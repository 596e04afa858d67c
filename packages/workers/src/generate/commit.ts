import {
  type BlobStore,
  type GenerateJob,
  type GenerateSummary,
  generateLayout,
  MillraceError,
  type TextsRef,
} from "@millrace/core";
import { deletePrefix, readJson, writeJson } from "../blobs/json.js";
import type { PromptContext } from "./context.js";
import { openOutput } from "./output.js";

/** What a job left behind. */
interface DoneMark extends Omit<GenerateSummary, "isUnchanged"> {
  /** sha256 of the output. */
  readonly sha256: string;
}

/** What the job did when it was done and its output is still what it wrote; undefined where it is to be done. */
export async function finishedSummary(blobs: BlobStore, { out }: GenerateJob): Promise<GenerateSummary | undefined> {
  const mark = await readJson<DoneMark>(blobs, generateLayout.done);
  if (mark === undefined || (await openOutput(out).digest()) !== mark.sha256) return undefined;
  const { sha256: _, ...summary } = mark;
  return { ...summary, isUnchanged: true };
}

/** Joins the answers of all batches in the output, which is there whole or not at all, and lets go of what led to it. */
export async function commitAnswers({ blobs }: PromptContext, job: GenerateJob): Promise<GenerateSummary> {
  // Whoever did this before may have died, or its answer been lost, when all was done.
  const finished = await finishedSummary(blobs, job);
  if (finished !== undefined) return { ...finished, isUnchanged: false };
  const { out, errors } = job;
  const sum = { rows: 0, failed: 0, promptTokens: 0, generatedTokens: 0 };
  if (errors !== undefined) await openOutput(errors).write(blobsUnder(blobs, generateLayout.failuresPrefix));
  const sha256 = await openOutput(out).write(answersOf(blobs, sum));
  const mark: DoneMark = { ...sum, sha256 };
  await writeJson(blobs, generateLayout.done, mark);
  for (const prefix of generateLayout.passing) await deletePrefix(blobs, prefix);
  return { ...sum, isUnchanged: false };
}

async function* blobsUnder(blobs: BlobStore, prefix: string): AsyncGenerator<Uint8Array> {
  for await (const key of blobs.list(prefix)) yield (await blobs.get(key)) ?? new Uint8Array();
}

type Sums = { -readonly [Name in "rows" | "failed" | "promptTokens" | "generatedTokens"]: number };

/** @param sum what the batches counted is added to it */
async function* answersOf(blobs: BlobStore, sum: Sums): AsyncGenerator<Uint8Array> {
  for await (const key of blobs.list(generateLayout.answersPrefix)) {
    const [, shard = "", name = ""] = key.split("/");
    const texts = await readJson<TextsRef>(blobs, generateLayout.textsIndex(shard, Number.parseInt(name, 10)));
    const bytes = await blobs.get(key);
    if (texts === undefined || bytes === undefined) {
      throw new MillraceError("E_IO", `the work folder lacks what belongs to ${key}`, {
        fix: "Delete the job's work folder and run again.",
      });
    }
    for (const name of ["rows", "failed", "promptTokens", "generatedTokens"] as const) sum[name] += texts[name];
    yield bytes;
  }
}
