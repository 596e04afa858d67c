import {
  addCounts,
  addPlanCounts,
  type BlobStore,
  layout,
  noCounts,
  noPlanCounts,
  type PlanCounts,
  type SplitCounts,
  type VectorsRef,
} from "@millrace/core";
import { isLocked } from "../blobs/folder-lock.js";
import { readJson } from "../blobs/json.js";
import { type ManifestHead, readAnyManifestHead } from "../manifest/manifest-head.js";
import { readDoneMark, readSplitIndex } from "../steps/marks.js";
import type { StoredPage } from "../steps/plan.js";

/** How far a job is, by what lies in its work folder; of the run that is not committed yet. */
export interface WorkState {
  /** Absent where no plan lies there: the job rests after a commit, or never began. */
  readonly planned?: PlanCounts;
  /** True once every page of the plan is there. */
  readonly isListed: boolean;
  /** Of the shards that were split. */
  readonly split: SplitCounts;
  /** Chunks and tokens whose vectors lie there or are in the store. */
  readonly encoded: Amount;
  /** Those of shards that are done: the store has acknowledged all their points. */
  readonly written: Amount;
  /** Those of shards that wait for nothing but the store. */
  readonly unwritten: Amount;
  /** Lines of the quarantine: what several runs said of one row counts each time. */
  readonly quarantined: number;
  /** The last commit's manifest. */
  readonly head: ManifestHead;
}

export interface Amount {
  readonly chunks: number;
  readonly tokens: number;
}

/** What a shard has done so far. */
interface ShardWork {
  readonly split: SplitCounts;
  readonly encoded: Amount;
  readonly written: Amount;
  readonly unwritten: Amount;
}

/**
 * Reads a job's work folder again and again while another process works there. What is done is read once: a call costs what
 * is under way. Files may vanish between a listing and a read; what is gone counts at the next call.
 */
export class WorkReader {
  private readonly done = new Map<string, ShardWork>();
  /** Records in each file of the quarantine, as the commit of that digest left them. */
  private readonly quarantine = new Map<string, number>();
  private commit = "";

  constructor(private readonly blobs: BlobStore) {}

  async read(): Promise<WorkState> {
    const head = await readAnyManifestHead(this.blobs);
    const { planned, isListed } = await this.readPlan();
    if (planned === undefined) this.done.clear();
    const shards = planned === undefined ? [] : await this.readShards();
    const sum = shards.reduce(addWork, noWork);
    const quarantined = await this.countQuarantine(head);
    return { ...sum, isListed, quarantined, head, ...(planned === undefined ? {} : { planned }) };
  }

  /** Only a commit takes something from files that are there. */
  private async countQuarantine({ pages, summary }: ManifestHead): Promise<number> {
    const commit = JSON.stringify([pages, summary]);
    if (commit !== this.commit) this.quarantine.clear();
    this.commit = commit;
    let records = 0;
    for await (const key of this.blobs.list(layout.quarantinePrefix)) {
      const known = this.quarantine.get(key) ?? linesOf(await this.blobs.get(key));
      this.quarantine.set(key, known);
      records += known;
    }
    return records;
  }

  private async readPlan(): Promise<{ readonly planned: PlanCounts | undefined; readonly isListed: boolean }> {
    let planned: PlanCounts | undefined;
    for (let page = 0; ; page += 1) {
      const stored = await readJson<StoredPage>(this.blobs, layout.planPage(page));
      if (stored === undefined) return { planned, isListed: false };
      planned = addPlanCounts(planned ?? noPlanCounts, stored.plan.counts);
      if (stored.plan.next === undefined) return { planned, isListed: true };
    }
  }

  private async readShards(): Promise<readonly ShardWork[]> {
    const doneShards = new Set<string>();
    for await (const key of this.blobs.list(layout.donePrefix)) {
      const shard = key.slice(layout.donePrefix.length, -".json".length);
      doneShards.add(shard);
      if (!this.done.has(shard)) await this.readDone(shard);
    }
    for (const shard of this.done.keys()) if (!doneShards.has(shard)) this.done.delete(shard);
    const open = new Set<string>();
    for await (const key of this.blobs.list(layout.batchesPrefix)) {
      const shard = key.split("/")[1] as string;
      if (!doneShards.has(shard)) open.add(shard);
    }
    const works = await Promise.all([...open].map((shard) => this.readOpen(shard)));
    return [...this.done.values(), ...works];
  }

  private async readDone(shard: string): Promise<void> {
    const mark = await readDoneMark(this.blobs, shard);
    if (mark === undefined) return;
    const amount = sumOf(mark.split.batches);
    this.done.set(shard, { ...noWork, split: mark.split.counts, encoded: amount, written: amount });
  }

  private async readOpen(shard: string): Promise<ShardWork> {
    const index = await readSplitIndex(this.blobs, shard);
    const encoded = new Set<number>();
    for await (const key of this.blobs.list(`${layout.vectorsPrefix}${shard}/`)) {
      if (!layout.isVectorsIndex(key)) continue;
      const ref = await readJson<VectorsRef>(this.blobs, key);
      if (ref !== undefined) encoded.add(ref.index);
    }
    if (index === undefined) return noWork;
    const { batches, counts } = index.split;
    const amount = sumOf(batches.filter((batch) => encoded.has(batch.index)));
    const isEncoded = batches.every((batch) => encoded.has(batch.index));
    return { ...noWork, split: counts, encoded: amount, unwritten: isEncoded ? amount : noAmount };
  }
}

/** Whether a process of this machine works in a work folder; undefined for a place that is no folder here. */
export async function isWorkedOn(work: string): Promise<boolean | undefined> {
  return work.startsWith("s3://") ? undefined : isLocked(work);
}

function linesOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : Buffer.from(bytes).toString("utf8").trimEnd().split("\n").length;
}

const noAmount: Amount = { chunks: 0, tokens: 0 };
const noWork: ShardWork = { split: noCounts, encoded: noAmount, written: noAmount, unwritten: noAmount };

function sumOf(batches: readonly Amount[]): Amount {
  return batches.reduce(addAmounts, noAmount);
}

function addAmounts(sum: Amount, { chunks, tokens }: Amount): Amount {
  return { chunks: sum.chunks + chunks, tokens: sum.tokens + tokens };
}

function addWork(sum: ShardWork, work: ShardWork): ShardWork {
  return {
    split: addCounts(sum.split, work.split),
    encoded: addAmounts(sum.encoded, work.encoded),
    written: addAmounts(sum.written, work.written),
    unwritten: addAmounts(sum.unwritten, work.unwritten),
  };
}
