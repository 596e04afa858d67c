import { layout, MillraceError } from "@millrace/core";
import { lastingJob, openBlobs, readJobRecord, storeUri, workName, workPlace } from "@millrace/workers";
import { chooseJobs, type JobQuery, type StoredJob } from "./choose-jobs.js";

/** Finds a job of the work root. @throws E_JOB_MISSING or E_USAGE, which list the jobs there are */
export async function findJob(workRoot: string, { name, store }: JobQuery): Promise<StoredJob> {
  const jobs = await storedJobs(workRoot);
  const chosen = chooseJobs(jobs, { name, store: store === undefined ? undefined : storeUri(store) });
  const [only, ...others] = chosen;
  if (only !== undefined && others.length === 0) return only;
  throw only === undefined ? jobMissing(workRoot, { name, store }, jobs) : jobUnclear(name, chosen);
}

/** Every job of the work root. Their work places are where they were found, wherever they were made. */
export async function storedJobs(workRoot: string): Promise<readonly StoredJob[]> {
  const blobs = await openBlobs(workRoot);
  const jobs: StoredJob[] = [];
  for await (const key of blobs.list(layout.jobsPrefix)) {
    const id = layout.idOfJob(key);
    const record = await readJobRecord(blobs, id);
    if (record === undefined) continue;
    jobs.push({ id, job: { ...lastingJob(record), work: workPlace(workRoot, workName(record.work)) } });
  }
  return jobs;
}

/** More than these are not named in one line. */
const mostListed = 5;

function listOf(jobs: readonly StoredJob[]): string {
  const shown = jobs.slice(0, mostListed).map(({ id, job }) => `${id} (${job.corpus} → ${job.store})`);
  const rest = jobs.length - shown.length;
  return `${shown.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

function jobMissing(workRoot: string, { name, store }: JobQuery, jobs: readonly StoredJob[]): MillraceError {
  const wanted = name === undefined ? "" : ` called ${name}`;
  const into = name === undefined && store !== undefined ? ` into ${store}` : "";
  return new MillraceError("E_JOB_MISSING", `${workRoot} knows no job${wanted}${into}`, {
    why: jobs.length === 0 ? "nothing was indexed with this work folder" : `there are: ${listOf(jobs)}`,
    fix: jobs.length === 0 ? "Say with --work where index kept its work." : "Name one of them.",
  });
}

function jobUnclear(name: string | undefined, jobs: readonly StoredJob[]): MillraceError {
  const what = name === undefined ? "there are several jobs" : `several jobs are called ${name}`;
  return new MillraceError("E_USAGE", what, { why: listOf(jobs), fix: "Name one by the beginning of its id." });
}
