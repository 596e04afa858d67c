import { type BlobStore, type Job, layout, MillraceError } from "@millrace/core";
import { readJson, writeJson } from "../blobs/json.js";
import { jobIdOf, workName } from "./places.js";

/** A job as the work root keeps it. */
export interface JobRecord extends Job {
  /** What its store was filled with before, newest first: what a rollback goes back to. */
  readonly former?: readonly FormerJob[];
}

/** A generation that answers no longer, and the job that filled it. */
export interface FormerJob {
  readonly generation: string;
  readonly job: Job;
}

/** @returns undefined where no job of that id was ever run */
export function readJobRecord(root: BlobStore, id: string): Promise<JobRecord | undefined> {
  return readJson<JobRecord>(root, layout.job(id));
}

/** Keeps a job without what is said of one run only. */
export async function writeJobRecord(root: BlobStore, job: Job, former: readonly FormerJob[]): Promise<void> {
  const record: JobRecord = { ...lastingJob(job), ...(former.length === 0 ? {} : { former }) };
  await writeJson(root, layout.job(jobIdOf(job)), record);
}

/**
 * Keeps a job that is run, for commands that take one by its name.
 * @throws E_STORE_BUSY where its store went over to another generation since the job was described
 */
export async function rememberJob(root: BlobStore, job: Job): Promise<void> {
  const known = await readJobRecord(root, jobIdOf(job));
  if (known !== undefined && workName(known.work) !== workName(job.work)) {
    throw new MillraceError("E_STORE_BUSY", `${job.store} went over to another generation just now`, {
      fix: "Run the command again, with the model that the store is filled with now.",
    });
  }
  await writeJobRecord(root, job, known?.former ?? []);
}

/** The job of a record, without its history. */
export function lastingJob(record: JobRecord): Job {
  const { scope: _, former: __, ...job } = record;
  return { ...job, full: false, allowEmpty: false };
}
