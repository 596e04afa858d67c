import {
  type BlobStore,
  type CorpusObject,
  diffListing,
  groupObjects,
  type Job,
  layout,
  MillraceError,
  type ObjectChange,
  type PlanCounts,
  type PlanPage,
  type Shard,
} from "@millrace/core";
import { deletePrefix, readJson, writeJson } from "../blobs/json.js";
import { canonicalJson, sha256 } from "../identity/digest.js";
import { readingDigest, readManifestHead } from "../manifest/manifest-head.js";
import { knownObjects } from "../manifest/read-manifest.js";
import type { StepContext } from "./context.js";

/** About a quarter of a million tokens of plain text: seconds to a minute of one machine's encoding. */
const shardLimits = { objects: 256, bytes: 1 << 20 };
/** What one page of a plan may hold; a corpus of any size is planned page by page. */
const pageLimits = { objects: 4_096, bytes: 64 << 20, removed: 4_096 };

/** Lists what is new, changed or gone since the manifest in force; a page that was planned before is returned as it was. */
export async function plan(context: StepContext, job: Job, page: number, cursor?: string): Promise<PlanPage> {
  const { blobs } = context;
  const earlier = await readJson<StoredPage>(blobs, layout.planPage(page));
  const reading = readingDigest(job);
  if (earlier?.store === context.store && earlier.reading === reading) return { ...earlier.plan, isResumed: true };
  if (page === 0) await sweep(context, job);
  const fresh = await planFresh(context, job, page, cursor);
  const stored: StoredPage = { store: context.store, reading, plan: fresh };
  await writeJson(blobs, layout.planPage(page), stored);
  return fresh;
}

/** A page as it lies in the work folder. */
export interface StoredPage {
  /** Identity of the store it was planned for: after the store was replaced, the page means nothing. */
  readonly store: string;
  /** How its objects were to be read: batches made under it may lack what is asked for now. */
  readonly reading: string;
  readonly plan: PlanPage;
}

/** What a commit had no time to clear away must not be taken for work of the new plan. */
async function sweep({ blobs }: StepContext, job: Job): Promise<void> {
  const prefixes = [layout.planPrefix, layout.donePrefix, layout.batchesPrefix];
  for (const prefix of prefixes) await deletePrefix(blobs, prefix);
  if (!job.keepVectors) await deletePrefix(blobs, layout.vectorsPrefix);
  await sweepQuarantine(blobs, job.full);
}

/** Objects with bad rows are read again and say so again; chunks that could not be encoded are tried again by --full. */
async function sweepQuarantine(blobs: BlobStore, isFull: boolean): Promise<void> {
  const stale: string[] = [];
  for await (const key of blobs.list(layout.quarantinePrefix))
    if (isFull || !layout.isQuarantineOfBatch(key)) stale.push(key);
  await blobs.delete(stale);
}

async function planFresh(
  { blobs, source, store }: StepContext,
  job: Job,
  page: number,
  cursor?: string,
): Promise<PlanPage> {
  const head = await readManifestHead(blobs, store);
  const found = new FoundChanges(job.full || head.reading !== readingDigest(job));
  for await (const change of diffListing(source.list(cursor), knownObjects(blobs, head, cursor))) {
    found.add(change);
    if (found.isFull) break;
  }
  if (page === 0 && !found.isFull && found.listed === 0) refuseEmpty(job, head.objects);
  return {
    page,
    shards: groupObjects(found.todo, shardLimits).map((objects, index) => shardOf(page, index, objects)),
    removed: found.removed,
    counts: found.counts(),
    isResumed: false,
    ...(found.isFull ? { next: found.lastKey } : {}),
  };
}

/** Gathers one page of changes. */
class FoundChanges {
  readonly todo: CorpusObject[] = [];
  readonly removed: string[] = [];
  lastKey = "";
  private readonly byKind = { new: 0, changed: 0, unchanged: 0, removed: 0 };
  private bytes = 0;

  constructor(private readonly isEverythingChanged: boolean) {}

  add(change: ObjectChange): void {
    this.lastKey = change.kind === "removed" ? change.key : change.object.key;
    const kind = change.kind === "unchanged" && this.isEverythingChanged ? "changed" : change.kind;
    this.byKind[kind] += 1;
    if (change.kind === "removed") this.removed.push(change.key);
    else if (kind !== "unchanged") {
      this.todo.push(change.object);
      this.bytes += change.object.bytes;
    }
  }

  get isFull(): boolean {
    return (
      this.todo.length >= pageLimits.objects ||
      this.bytes >= pageLimits.bytes ||
      this.removed.length >= pageLimits.removed
    );
  }

  /** Objects the source has, as far as this page goes. */
  get listed(): number {
    return this.byKind.new + this.byKind.changed + this.byKind.unchanged;
  }

  counts(): PlanCounts {
    return {
      newObjects: this.byKind.new,
      changedObjects: this.byKind.changed,
      unchangedObjects: this.byKind.unchanged,
      removedObjects: this.byKind.removed,
      bytes: this.bytes,
    };
  }
}

function shardOf(page: number, index: number, objects: readonly CorpusObject[]): Shard {
  const digest = sha256(canonicalJson(objects)).slice(0, 8);
  return { id: `${padded(page)}-${padded(index)}-${digest}`, objects, fromRow: 0 };
}

function padded(count: number): string {
  return String(count).padStart(6, "0");
}

function refuseEmpty(job: Job, knownCount: number): void {
  if (knownCount === 0) {
    throw new MillraceError("E_CORPUS_EMPTY", `${job.source.location} has nothing to index`, {
      why: "no file there has a known format, or none matches --include",
      fix: "Name another folder, or choose files with --include '**/*.ext'.",
    });
  }
  if (job.allowEmpty) return;
  throw new MillraceError(
    "E_CORPUS_EMPTY",
    `${job.source.location} lists nothing, but the store holds ${knownCount} of its objects`,
    {
      why: "an unmounted folder looks the same as one that was emptied",
      fix: "Pass --allow-empty to remove all of them from the store.",
    },
  );
}
