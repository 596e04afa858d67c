import {
  addCounts,
  type BlobStore,
  compareKeys,
  type EngineFacts,
  inPieces,
  type Job,
  layout,
  type ManifestDocument,
  type ManifestPart,
  MillraceError,
  noCounts,
  type PlanPage,
  reconcileObject,
  type Shard,
  type SplitCounts,
  type StalePoints,
  type Summary,
} from "@millrace/core";
import { deletePrefix, readJson } from "../blobs/json.js";
import { canonicalJson } from "../identity/digest.js";
import { pointId } from "../identity/point-id.js";
import { VectorsLogWriter } from "../kept-vectors/write-log.js";
import {
  type ManifestHead,
  type ManifestPageRef,
  readManifestHead,
  writeManifestHead,
} from "../manifest/manifest-head.js";
import { joinParts, type ManifestObject, manifestObjects } from "../manifest/read-manifest.js";
import { ManifestWriter } from "../manifest/write-manifest.js";
import { type ObjectReadings, SettledQuarantine } from "../quarantine/settled.js";
import { defaultWorkLimits } from "../work-limits.js";
import type { IoContext } from "./context.js";
import { type DoneMark, readDoneMark } from "./marks.js";
import type { StoredPage } from "./plan.js";

/**
 * Ends a job whose every shard is done: deletes the points that the new reading no longer has, then puts the new
 * manifest in force, then clears the plan away. Each of the three may be interrupted and done again.
 */
export async function commit(context: IoContext, job: Job): Promise<Summary> {
  const { blobs, sink, store, limits = defaultWorkLimits } = context;
  const head = await readManifestHead(blobs, store);
  const reading = await plannedReading(blobs);
  if (reading === undefined) return committedBefore(blobs, head);
  const worked = new Worked();
  const settled = await SettledQuarantine.open(blobs);
  const log = await VectorsLogWriter.open(blobs, job, head);
  let isExact = true;
  const walked: Walked = {
    page: (page) => log?.takePage(page),
    shard: (mark) => {
      worked.add(mark);
      settled.takeShard(mark.shard);
      log?.takeShard(mark);
    },
  };
  const writer = new ManifestWriter(blobs, limits.manifest);
  let deletedPoints = 0;
  for await (const change of mergeReadings(manifestObjects(blobs, head), readings(blobs, walked))) {
    deletedPoints += await deletePoints(context, job, { ...change, log });
    if (change.readings !== undefined) settled.takeObject(change.object, change.readings);
    if (change.entry !== undefined) await writer.add(change.entry);
    isExact &&= change.entry?.version !== "";
  }
  await sink.finish();
  await settled.clear(blobs);
  const { pages, ...counts } = await writer.end();
  const { objects, documents, points } = counts;
  const { changedObjects } = worked.counts;
  const summary: Summary = { objects, documents, points, deletedPoints, changedObjects, worked: worked.counts };
  await log?.end({ store, pages }, isExact && changedObjects === 0);
  const { corpus, fingerprint } = job;
  await writeManifestHead(blobs, {
    store,
    corpus,
    fingerprint,
    reading,
    pages,
    engines: worked.engines(),
    ...counts,
    summary,
  });
  await clearAway(blobs, pages);
  return summary;
}

/** Where a commit's answer was lost, it comes again and finds its plan cleared away: what it said is in the manifest. */
async function committedBefore(blobs: BlobStore, { pages, summary }: ManifestHead): Promise<Summary> {
  if (summary === undefined) throw pageGone(0);
  await clearAway(blobs, pages);
  return summary;
}

/**
 * How the plan meant its objects to be read. A plan that was interrupted may be finished by a job that reads otherwise:
 * the manifest then keeps the plan's word, and the next plan reads everything again.
 */
async function plannedReading(blobs: BlobStore): Promise<string | undefined> {
  return (await readJson<StoredPage>(blobs, layout.planPage(0)))?.reading;
}

/** What the plan found of an object: its new reading, or that it is gone. */
type Reading = { readonly object: string; readonly reading: ManifestObject | undefined };

/** The object's entry in the new manifest (absent when it is gone), and the points that must go. */
interface ObjectCommit {
  readonly object: string;
  readonly entry?: ManifestObject;
  readonly stale: readonly StalePoints[];
  /** Of an object that the plan took up. */
  readonly readings?: ObjectReadings;
}

/** Merges the old manifest with the new readings, both in key order, holding one object of each. */
async function* mergeReadings(
  manifest: AsyncIterator<ManifestObject>,
  readings: AsyncIterable<Reading>,
): AsyncGenerator<ObjectCommit> {
  let old = await manifest.next();
  for await (const { object, reading } of readings) {
    for (; !old.done && compareKeys(old.value.object, object) < 0; old = await manifest.next())
      yield unchanged(old.value);
    const isKnown = !old.done && old.value.object === object;
    yield reconciled(object, isKnown ? (old.value as ManifestObject).documents : [], reading);
    if (isKnown) old = await manifest.next();
  }
  for (; !old.done; old = await manifest.next()) yield unchanged(old.value);
}

function unchanged(entry: ManifestObject): ObjectCommit {
  return { object: entry.object, entry, stale: [] };
}

function reconciled(
  object: string,
  old: readonly ManifestDocument[],
  reading: ManifestObject | undefined,
): ObjectCommit {
  const readings = { old, fresh: reading };
  if (reading === undefined) return { object, stale: reconcileObject(old, [], true).stale, readings };
  const { documents, stale } = reconcileObject(old, reading.documents, reading.version !== "");
  return { object, entry: { ...reading, documents }, stale, readings };
}

/** Every object the plan touched, in key order: pages, their shards and removals merged. */
async function* readings(blobs: BlobStore, walked: Walked): AsyncGenerator<Reading> {
  for (let page = 0; ; page += 1) {
    const stored = await readJson<StoredPage>(blobs, layout.planPage(page));
    if (stored === undefined) throw pageGone(page);
    const { plan } = stored;
    walked.page(plan);
    const removed = [...plan.removed];
    for await (const reading of joinParts(partsOf(blobs, plan.shards, walked))) {
      while (removed[0] !== undefined && compareKeys(removed[0], reading.object) < 0) yield gone(removed);
      yield { object: reading.object, reading };
    }
    while (removed.length > 0) yield gone(removed);
    // Pages behind the last one are leftovers of a plan that was cleared away in part.
    if (plan.next === undefined) return;
  }
}

function pageGone(page: number): MillraceError {
  return new MillraceError("E_INTERNAL", `page ${page} of the plan is gone, so the job cannot be committed`, {
    fix: "Run again: what is done is kept.",
  });
}

function gone(removed: string[]): Reading {
  return { object: removed.shift() as string, reading: undefined };
}

/** Told of each page of the plan, and of each part of its shards. */
interface Walked {
  page(page: PlanPage): void;
  shard(mark: DoneMark): void;
}

async function* partsOf(blobs: BlobStore, shards: readonly Shard[], walked: Walked): AsyncGenerator<ManifestPart> {
  for (const planned of shards) {
    for (let shard: Shard | undefined = planned; shard !== undefined; ) {
      const mark: DoneMark = await requireDone(blobs, shard);
      walked.shard(mark);
      yield* mark.parts;
      shard = mark.split.rest;
    }
  }
}

async function requireDone(blobs: BlobStore, shard: Shard): Promise<DoneMark> {
  const mark = await readDoneMark(blobs, shard.id);
  if (mark !== undefined) return mark;
  throw new MillraceError("E_INTERNAL", `shard ${shard.id} is not done, so the job cannot be committed`, {
    fix: "Run again: what is done is kept.",
  });
}

/** Adds up what the shards did. */
class Worked {
  counts: SplitCounts = noCounts;
  /** The object whose ranges have counted it as changed. */
  private changed: string | undefined;

  private readonly used = new Map<string, EngineFacts>();

  /** Each once. */
  engines(): readonly EngineFacts[] {
    return [...this.used.values()];
  }

  add({ shard, split, receipts }: DoneMark): void {
    for (const { engine } of receipts) if (engine) this.used.set(canonicalJson(engine), engine);
    const poisoned = receipts.reduce((sum, receipt) => sum + receipt.quarantined, 0);
    const counts = { ...split.counts, quarantined: split.counts.quarantined + poisoned };
    if (shard.range !== undefined && counts.changedObjects > 0) {
      const object = shard.objects[0]?.key;
      if (object === this.changed) counts.changedObjects = 0;
      this.changed = object;
    }
    this.counts = addCounts(this.counts, counts);
  }
}

interface StaleObject extends ObjectCommit {
  /** Where it is to be written down what is deleted. */
  readonly log: VectorsLogWriter | undefined;
}

async function deletePoints(context: IoContext, job: Job, { object, stale, log }: StaleObject): Promise<number> {
  const { sink, limits = defaultWorkLimits } = context;
  const { idsPerDelete } = limits;
  let deleted = 0;
  let ids: string[] = [];
  for (const { document, fromOrdinal, toOrdinal } of stale) {
    for (let ordinal = fromOrdinal; ordinal < toOrdinal; ordinal += 1) {
      ids.push(pointId({ corpus: job.corpus, object, document, ordinal }));
      deleted += 1;
    }
    if (ids.length < idsPerDelete) continue;
    for (const piece of inPieces(ids, idsPerDelete)) await sink.delete(piece);
    await log?.delete(ids);
    ids = [];
  }
  if (ids.length > 0) await sink.delete(ids);
  await log?.delete(ids);
  return deleted;
}

/** The plan goes first: while it is there, a run would take the job for one that was interrupted. */
async function clearAway(blobs: BlobStore, pages: readonly ManifestPageRef[]): Promise<void> {
  const inForce = new Set(pages.map(({ key }) => key));
  await deletePrefix(blobs, layout.planPrefix);
  await deletePrefix(blobs, layout.donePrefix);
  await deletePrefix(blobs, layout.manifestPagesPrefix, (key) => !inForce.has(key));
}
