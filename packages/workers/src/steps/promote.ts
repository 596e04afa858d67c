import {
  type BlobStore,
  type Generation,
  type Generations,
  type Job,
  layout,
  MillraceError,
  type Promotion,
} from "@millrace/core";
import { deletePrefix } from "../blobs/json.js";
import { openBlobs } from "../blobs/open.js";
import { jobIdOf, workName, workPlace, workRoot } from "../jobs/places.js";
import { type FormerJob, type JobRecord, lastingJob, readJobRecord, writeJobRecord } from "../jobs/records.js";
import { generationOf, storeWithGeneration } from "../sinks/create.js";

/** What changes which generation of a store is live. */
export interface PromoteContext {
  /** The work root, which keeps the jobs. */
  readonly root: BlobStore;
  readonly generations: Generations;
}

/**
 * The generation that a store answers from, beside which another one can be promoted.
 * @throws E_STORE_MISSING where there is no store, E_STORE where Qdrant has a collection of the store's own name
 */
export async function replaceableGeneration(generations: Generations, store: string): Promise<Generation> {
  const live = (await generations.list()).find(({ isLive }) => isLive);
  if (live === undefined) {
    throw new MillraceError("E_STORE_MISSING", "there is no store to fill anew", {
      why: store,
      fix: "Run index first.",
    });
  }
  if (live.name !== "") return live;
  throw new MillraceError("E_STORE", `no other generation of ${store} can go live`, {
    why: "the store's name is that of a collection, and Qdrant takes no alias of that name",
    fix: "Index into another --store: millrace makes an alias of its name.",
  });
}

/**
 * Lets the generation that a job has filled answer searches, at once, and keeps as many former ones to go back to; those
 * before are deleted. May be interrupted anywhere, and done again.
 */
export async function promote(context: PromoteContext, job: Job, keep: number): Promise<Promotion> {
  const { root, generations } = context;
  const name = generationOf(job.store);
  if (name === undefined) throw new MillraceError("E_INTERNAL", "the job fills no generation of its own");
  const live: Job = { ...job, store: storeWithGeneration(job.store, undefined) };
  const before = await readJobRecord(root, jobIdOf(live));
  const all = before === undefined ? [] : formerOf(before, await generations.list(), name);
  await generations.promote(name);
  await writeJobRecord(root, live, all);
  await root.delete([layout.job(jobIdOf(job))]);
  const [kept, old] = [all.slice(0, keep), all.slice(keep)];
  for (const { generation, job: former } of old) {
    await generations.drop(generation);
    await clearWork(workRoot(job.work), former);
  }
  if (old.length > 0) await writeJobRecord(root, live, kept);
  return { live: name, kept: kept.map(nameOf), dropped: old.map(nameOf) };
}

/** Lets a former generation answer searches again, the newest one where none is named; the one it replaces is kept. */
export async function rollback(
  { root, generations }: PromoteContext,
  id: string,
  to: string | undefined,
): Promise<Promotion & { readonly job: Job }> {
  const record = await readJobRecord(root, id);
  const former = record?.former ?? [];
  const target = to === undefined ? former[0] : former.find(({ generation }) => generation === to);
  if (record === undefined || target === undefined) {
    throw new MillraceError(
      "E_USAGE",
      to === undefined ? "there is nothing to go back to" : `there is no former generation ${to}`,
      {
        why:
          former.length === 0
            ? "no reindex has replaced anything that is kept"
            : `there are: ${former.map(nameOf).join(", ")}`,
        ...(former.length === 0 ? {} : { fix: "Name one of them with --generation." }),
      },
    );
  }
  const replaced = formerOf(record, await generations.list(), target.generation);
  await generations.promote(target.generation);
  await writeJobRecord(root, target.job, replaced);
  return { live: target.generation, kept: replaced.map(nameOf), dropped: [], job: target.job };
}

/** What came before a generation, once it is live: what the record's job has filled, and what that had come after. */
function formerOf(record: JobRecord, generations: readonly Generation[], name: string): readonly FormerJob[] {
  const others = (record.former ?? []).filter(({ generation }) => generation !== name);
  const filled = filledBy(record, generations, [name, ...others.map(nameOf)]);
  // Where the record's job has filled it, a run that was killed has been here before.
  if (filled === undefined || filled.name === name) return others;
  return [{ generation: filled.name, job: lastingJob(record) }, ...others];
}

/** A generation that a reindex filled has given its name to the work folder; the first one is known by what it holds. */
function filledBy(
  record: JobRecord,
  generations: readonly Generation[],
  known: readonly string[],
): Generation | undefined {
  const named = workName(record.work).slice(jobIdOf(record).length + 1);
  if (named !== "") return generations.find(({ name }) => name === named);
  return generations.find(({ name, schema }) => !known.includes(name) && schema.fingerprint === record.fingerprint);
}

function nameOf({ generation }: FormerJob): string {
  return generation;
}

/** Vectors that the user keeps outlive the generation they were made for. */
async function clearWork(root: string, { work, keepVectors }: Job): Promise<void> {
  if (keepVectors) return;
  const blobs = await openBlobs(workPlace(root, workName(work)));
  for (const prefix of layout.workPrefixes) await deletePrefix(blobs, prefix);
}
