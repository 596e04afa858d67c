import { type BlobRef, type BlobStore, inPieces, MillraceError, type Sink } from "@millrace/core";
import { openVectorsFile } from "../arrow/vectors-file.js";
import { getBlob, parseJson } from "../blobs/json.js";
import type { LoadPlan } from "../kept-vectors/plan-load.js";
import { defaultWorkLimits } from "../work-limits.js";
import type { StepControl } from "./context.js";

export interface LoadContext {
  /** Where the files are. */
  readonly blobs: BlobStore;
  /** Opened with the plan's schema. */
  readonly sink: Sink;
}

/** Points that were written, each as often as it was; and the files they came from. */
export interface LoadReport {
  readonly points: number;
  readonly files: number;
}

/**
 * Does to a store what the commits of the plan did to theirs, in the same order: it ends with the same points, bit for
 * bit. Begun again after a kill, it does all of it again. @throws E_IO naming a file that is gone or damaged
 */
export async function load(
  { blobs, sink }: LoadContext,
  { commits, schema }: LoadPlan,
  { signal, onProgress }: StepControl = {},
): Promise<LoadReport> {
  let [points, files] = [0, 0];
  for (const commit of commits) {
    for (const ref of commit.files) {
      signal?.throwIfAborted();
      if (ref.dimensions !== schema.dimensions) throw otherDimensions(ref.key, ref.dimensions, schema.dimensions);
      const batch = openVectorsFile(await keptFile(blobs, ref));
      if (batch.records.length > 0) await sink.upsert(batch);
      if (ref.quarantinedIds.length > 0) await sink.delete(ref.quarantinedIds);
      points += batch.records.length;
      files += 1;
      onProgress?.({ files, points });
    }
    for (const ref of commit.deleted) {
      signal?.throwIfAborted();
      const ids = parseJson<readonly string[]>(Buffer.from(await keptFile(blobs, ref)).toString("utf8"), ref.key);
      for (const piece of inPieces(ids, defaultWorkLimits.idsPerDelete)) await sink.delete(piece);
    }
  }
  await sink.finish();
  return { points, files };
}

async function keptFile(blobs: BlobStore, ref: BlobRef): Promise<Uint8Array> {
  return getBlob(blobs, ref).catch((cause: unknown) => {
    if (!(cause instanceof MillraceError) || cause.code !== "E_IO") throw cause;
    throw new MillraceError("E_IO", `the kept file ${ref.key} cannot be used`, {
      why: cause.what,
      fix: "Bring it back from a copy, or keep the vectors anew with index --full --keep-vectors.",
      cause,
    });
  });
}

function otherDimensions(key: string, found: number, expected: number): MillraceError {
  return new MillraceError("E_STORE_SCHEMA", `the kept file ${key} has vectors of another model`, {
    why: `they have ${found} dimensions, the store ${expected}`,
    fix: "Keep the vectors anew with index --full --keep-vectors.",
  });
}
