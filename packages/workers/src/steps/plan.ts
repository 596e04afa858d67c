import {
  type BlobStore,
  type CorpusObject,
  diffListing,
  groupObjects,
  type Job,
  layout,
  MillraceError,
  type ObjectChange,
  oldestOf,
  type PlanCounts,
  type PlanPage,
  type Shard,
  type Source,
} from "@millrace/core";
import { deletePrefix, readJson, writeJson } from "../blobs/json.js";
import { canonicalJson, sha256 } from "../identity/digest.js";
import { lastCommit } from "../kept-vectors/log.js";
import { readingDigest, readManifestHead } from "../manifest/manifest-head.js";
import { knownObjects } from "../manifest/read-manifest.js";
import { defaultWorkLimits, type WorkLimits } from "../work-limits.js";
import type { IoContext } from "./context.js";
import { Retry } from "./retry.js";

/**
 * Lists what is new, changed or gone since the manifest in force; a page that was planned before is returned as it was, unless its
 * ranges were made for another reading of the objects.
 */
export async function plan(context: IoContext, job: Job, page: number, cursor?: string): Promise<PlanPage> {
  const { blobs } = context;
  const earlier = await readJson<StoredPage>(blobs, layout.planPage(page));
  if (earlier?.store === context.store && earlier.cursor === cursor && isReadAlike(earlier, job))
    return resumed(earlier, job);
  if (page === 0) await sweep(context, job);
  const fresh = await planFresh(context, job, page, cursor);
  const stored: StoredPage = {
    store: context.store,
    reading: readingDigest(job),
    ...(job.scope === undefined ? {} : { scope: job.scope }),
    ...(cursor === undefined ? {} : { cursor }),
    plan: fresh,
  };
  await writeJson(blobs, layout.planPage(page), stored);
  return fresh;
}

/** A page as it lies in the work folder. */
export interface StoredPage {
  /** Identity of the store it was planned for: after the store was replaced, the page means nothing. */
  readonly store: string;
  /** How its objects were to be read: what is committed of it counts as read that way, whatever the job asks for now. */
  readonly reading: string;
  /** Where the page before it ended: behind another one, planned anew, the page means nothing either. */
  readonly cursor?: string;
  /** What the plan was to take up. */
  readonly scope?: Job["scope"];
  readonly plan: PlanPage;
}

/** A retry must not take up all that a run which was interrupted had planned. */
function resumed({ plan, scope }: StoredPage, job: Job): PlanPage {
  if (job.scope !== undefined && scope === undefined)
    throw new MillraceError("E_JOB_UNFINISHED", "an index run of this job was interrupted", {
      why: "what it has begun must be finished before anything else",
      fix: "Run index again, then retry.",
    });
  return { ...plan, isResumed: true };
}

/** By another id field, a document's key might come twice in ranges that were made when it did not. */
function isReadAlike({ reading, plan }: StoredPage, job: Job): boolean {
  return reading === readingDigest(job) || plan.shards.every(({ range }) => range === undefined);
}

/**
 * What a commit had no time to clear away must not be taken for work of the new plan. Vectors that the user keeps stay,
 * but lose the index by which a step would find them: a new plan encodes anew.
 */
async function sweep({ blobs }: IoContext, job: Job): Promise<void> {
  const prefixes = [layout.planPrefix, layout.donePrefix, layout.batchesPrefix];
  for (const prefix of prefixes) await deletePrefix(blobs, prefix);
  await deletePrefix(blobs, layout.vectorsPrefix, (key) => !job.keepVectors || layout.isVectorsIndex(key));
  if (job.scope === undefined) await sweepQuarantine(blobs, job.full);
}

/** Objects with bad rows are read again and say so again; chunks that could not be encoded are tried again by --full. */
async function sweepQuarantine(blobs: BlobStore, isFull: boolean): Promise<void> {
  await deletePrefix(blobs, layout.quarantinePrefix, (key) => isFull || !layout.isQuarantineOfBatch(key));
}

async function planFresh(context: IoContext, job: Job, page: number, cursor?: string): Promise<PlanPage> {
  const { blobs, source, store, limits = defaultWorkLimits } = context;
  const head = await readManifestHead(blobs, store);
  const retry = job.scope === undefined ? undefined : await Retry.open(blobs, job, head);
  const reading = readingDigest(job);
  const isEverythingChanged = job.full || retry !== undefined || head.reading !== reading;
  const found = new FoundChanges(isEverythingChanged, limits.page);
  for await (const change of diffListing(source.list(cursor), knownObjects(blobs, head, cursor))) {
    if (retry?.takes(change) === false) continue;
    found.add(change);
    if (found.isFull) break;
  }
  if (page === 0 && found.listed === 0 && retry === undefined && (await isEmpty(source)))
    refuseEmpty(job, head.objects);
  const kept = job.keepVectors ? [await lastCommit(blobs)] : [];
  const basis = canonicalJson([store, head.pages.map(({ key }) => key), ...(retry?.files ?? []), ...kept]);
  return {
    page,
    shards: (await pieces(context, found.todo)).map((piece, index) => {
      // What a shard's batches hold depends on the manifest too; with it in the name, kept vectors are not overwritten.
      const content = piece.range === undefined ? piece.objects : { ...piece, reading };
      const digest = sha256(basis + canonicalJson(content)).slice(0, 8);
      const { fromRow = 0, fromByte = 0 } = piece.range ?? {};
      const id = `${padded(page)}-${padded(index)}-${digest}`;
      return { id, ...piece, fromRow, fromByte, isFull: job.full, ...retry?.againOf(piece.objects) };
    }),
    removed: found.removed,
    counts: found.counts(),
    isResumed: false,
    isFull: job.full,
    ...(found.isFull ? { next: found.lastKey } : {}),
  };
}

/** What the shards of a page take, in order. An object that is more than a shard by itself is cut into ranges where it can be. */
async function pieces(
  { splitter, limits = defaultWorkLimits }: IoContext,
  todo: readonly CorpusObject[],
): Promise<readonly Pick<Shard, "objects" | "range">[]> {
  const all: Pick<Shard, "objects" | "range">[] = [];
  for (const objects of groupObjects(todo, limits.shard)) {
    const [object, ...others] = objects;
    const isLarge = object !== undefined && others.length === 0 && object.bytes > limits.range.bytes;
    const ranges = isLarge ? await splitter.survey(object, limits.range) : [];
    if (ranges.length === 0) all.push({ objects });
    for (const range of ranges) all.push({ objects, range });
  }
  return all;
}

/** A page that is full of removals has seen nothing of the listing that follows. */
async function isEmpty(source: Source): Promise<boolean> {
  for await (const _ of source.list()) return false;
  return true;
}

/** Gathers one page of changes. */
class FoundChanges {
  readonly todo: CorpusObject[] = [];
  readonly removed: string[] = [];
  lastKey = "";
  private readonly byKind = { new: 0, changed: 0, unchanged: 0, removed: 0 };
  private bytes = 0;
  private oldest: Pick<PlanCounts, "oldestChange"> = {};

  constructor(
    private readonly isEverythingChanged: boolean,
    private readonly limits: WorkLimits["page"],
  ) {}

  add(change: ObjectChange): void {
    this.lastKey = change.kind === "removed" ? change.key : change.object.key;
    const kind = change.kind === "unchanged" && this.isEverythingChanged ? "changed" : change.kind;
    this.byKind[kind] += 1;
    // What is only read again because everything is has not changed.
    if (change.kind === "new" || change.kind === "changed")
      this.oldest = oldestOf([this.oldest.oldestChange, change.object.modified]);
    if (change.kind === "removed") this.removed.push(change.key);
    else if (kind !== "unchanged") {
      this.todo.push(change.object);
      this.bytes += change.object.bytes;
    }
  }

  get isFull(): boolean {
    return (
      this.todo.length >= this.limits.objects ||
      this.bytes >= this.limits.bytes ||
      this.removed.length >= this.limits.removed
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
      ...this.oldest,
    };
  }
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
