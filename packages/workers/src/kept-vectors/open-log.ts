import { type BlobStore, layout, MillraceError } from "@millrace/core";
import { readAnyManifestHead } from "../manifest/manifest-head.js";
import { manifestDigest, type NumberedEntry, vectorsLog } from "./log.js";
import { type LoadPlan, planLoad } from "./plan-load.js";

/** Kept vectors, found. */
export interface KeptVectors {
  /** The blobs by the keys that the plan names. */
  readonly blobs: BlobStore;
  readonly plan: LoadPlan;
}

/**
 * Finds kept vectors in a job's folder, or in the `vectors` folder of one, wherever it was copied to.
 * @throws E_VECTORS_MISSING
 */
export async function openKeptVectors(base: BlobStore, place: string): Promise<KeptVectors> {
  for (const blobs of [base, below(base, layout.vectorsPrefix)]) {
    const log: NumberedEntry[] = [];
    for await (const entry of vectorsLog(blobs)) log.push(entry);
    if (log.length === 0) continue;
    const head = blobs === base ? await readAnyManifestHead(base) : undefined;
    const isKnown = head !== undefined && head.store !== "";
    return { blobs, plan: planLoad(log, isKnown ? manifestDigest(head) : undefined) };
  }
  throw await nothingKept(base, place);
}

/** The same blobs as seen from a folder above, of which they are the part below `prefix`. */
function below(base: BlobStore, prefix: string): BlobStore {
  const inside = (key: string) => key.slice(prefix.length);
  return {
    get: async (key) => (key.startsWith(prefix) ? base.get(inside(key)) : undefined),
    put: async () => false,
    delete: async () => {},
    async *list(wanted) {
      for await (const key of base.list(inside(wanted))) yield `${prefix}${key}`;
    },
  };
}

async function nothingKept(base: BlobStore, place: string): Promise<MillraceError> {
  const jobs: string[] = [];
  for await (const key of base.list(layout.jobsPrefix)) jobs.push(layout.idOfJob(key));
  const isWorkRoot = jobs.length > 0;
  return new MillraceError("E_VECTORS_MISSING", `${place} holds no kept vectors`, {
    why: isWorkRoot ? `it is a work folder of several jobs: ${jobs.slice(0, 5).join(", ")}` : "it has no log of them",
    fix: isWorkRoot
      ? "Name the folder of one of them."
      : "Name a job's folder in the work folder of index --keep-vectors, or its vectors folder.",
  });
}
