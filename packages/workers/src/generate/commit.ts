import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  type BlobStore,
  type GenerateJob,
  type GenerateSummary,
  generateLayout,
  MillraceError,
  type TextsRef,
} from "@millrace/core";
import { writeAtomically } from "../blobs/atomic-file.js";
import { fileError } from "../blobs/file-errors.js";
import { deletePrefix, readJson, writeJson } from "../blobs/json.js";
import type { GenerateContext } from "./context.js";

/** What a job left behind. */
interface DoneMark extends Omit<GenerateSummary, "isUnchanged"> {
  /** sha256 of the output. */
  readonly sha256: string;
}

/** What the job did when it was done and its output is still what it wrote; undefined where it is to be done. */
export async function finishedSummary(blobs: BlobStore, { out }: GenerateJob): Promise<GenerateSummary | undefined> {
  const mark = await readJson<DoneMark>(blobs, generateLayout.done);
  if (mark === undefined || (await digestOf(out)) !== mark.sha256) return undefined;
  const { sha256: _, ...summary } = mark;
  return { ...summary, isUnchanged: true };
}

async function digestOf(path: string): Promise<string | undefined> {
  try {
    const hash = createHash("sha256");
    for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
    return hash.digest("hex");
  } catch {
    return undefined;
  }
}

/** Joins the answers of all batches in the output, which is there whole or not at all, and lets go of what led to it. */
export async function commitAnswers(
  { blobs }: GenerateContext,
  { out, errors }: GenerateJob,
): Promise<GenerateSummary> {
  const sum = { rows: 0, failed: 0, promptTokens: 0, generatedTokens: 0 };
  if (errors !== undefined) await joinInto(errors, blobsUnder(blobs, generateLayout.failuresPrefix));
  const sha256 = await joinInto(out, answersOf(blobs, sum));
  const mark: DoneMark = { ...sum, sha256 };
  await writeJson(blobs, generateLayout.done, mark);
  for (const prefix of generateLayout.passing) await deletePrefix(blobs, prefix);
  return { ...sum, isUnchanged: false };
}

/** @returns sha256 of what was written */
async function joinInto(path: string, pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  try {
    await writeAtomically({
      path,
      write: async (file) => {
        for await (const bytes of pieces) {
          hash.update(bytes);
          await file.writeFile(bytes);
        }
      },
    });
  } catch (error) {
    throw error instanceof MillraceError ? error : fileError(error, "cannot write the answers", path);
  }
  return hash.digest("hex");
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
