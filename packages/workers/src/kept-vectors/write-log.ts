import {
  type BlobRef,
  type BlobStore,
  type Job,
  layout,
  type PlanPage,
  storeSchema,
  type VectorsRef,
} from "@millrace/core";
import { putBlob, writeJson } from "../blobs/json.js";
import { sha256 } from "../identity/digest.js";
import type { ManifestHead } from "../manifest/manifest-head.js";
import type { DoneMark } from "../steps/marks.js";
import { lastEntry, manifestDigest, type NumberedEntry, type VectorsLogEntry } from "./log.js";

/** Ids in one blob: about four megabytes. */
const idsPerBlob = 100_000;

/** Writes down what a commit that keeps its vectors does, so that another store can be filled from them. */
export class VectorsLogWriter {
  private readonly files: VectorsRef[] = [];
  private readonly deleted: BlobRef[] = [];
  private readonly shards: string[] = [];
  private ids: string[] = [];
  private isFull = true;
  private isComplete = true;

  private constructor(
    private readonly blobs: BlobStore,
    private readonly job: Job,
    private readonly place: { readonly commit: number; readonly before: string; readonly last?: NumberedEntry },
  ) {}

  /** Undefined where the job keeps no vectors. An entry whose commit came to no manifest is written again. */
  static async open(blobs: BlobStore, job: Job, head: ManifestHead): Promise<VectorsLogWriter | undefined> {
    if (!job.keepVectors) return undefined;
    const last = await lastEntry(blobs);
    const before = manifestDigest(head);
    if (last === undefined) return new VectorsLogWriter(blobs, job, { commit: 1, before });
    const { entry } = last;
    const isAgain = entry.before === before && entry.after !== before;
    return new VectorsLogWriter(blobs, job, { commit: isAgain ? last.commit : last.commit + 1, before, last });
  }

  takePage({ isFull }: PlanPage): void {
    this.isFull &&= isFull;
  }

  takeShard({ shard, receipts, vectors }: DoneMark): void {
    this.shards.push(shard.id);
    // A part that a run without --keep-vectors has finished left no files: what follows is not the whole story.
    if (vectors === undefined) this.isComplete &&= receipts.length === 0;
    else this.files.push(...vectors);
  }

  async delete(ids: readonly string[]): Promise<void> {
    this.ids.push(...ids);
    if (this.ids.length >= idsPerBlob) await this.flush();
  }

  /** @param isExact every object was read to its end, so that nothing of an earlier reading is left */
  async end(head: Pick<ManifestHead, "store" | "pages">, isExact: boolean): Promise<void> {
    const { commit, before, last } = this.place;
    const { corpus } = this.job;
    const plan = sha256(this.shards.join("\n"));
    const isWritten = last !== undefined && last.entry.plan === plan && last.entry.after === before;
    await this.flush();
    const after = manifestDigest(head);
    const isIdle = this.files.length === 0 && this.deleted.length === 0 && before === after;
    if (!this.isComplete || isIdle || (isWritten && this.deleted.length === 0)) return;
    const entry: VectorsLogEntry = {
      corpus,
      schema: storeSchema(this.job),
      before,
      after,
      plan,
      isWhole: before === "" || (this.isFull && isExact),
      files: this.files,
      deleted: this.deleted,
    };
    await writeJson(this.blobs, layout.vectorsLog(commit), entry);
  }

  private async flush(): Promise<void> {
    if (this.ids.length === 0) return;
    const key = layout.vectorsLogDeleted(this.place.commit, this.deleted.length);
    this.deleted.push(await putBlob(this.blobs, key, Buffer.from(JSON.stringify(this.ids))));
    this.ids = [];
  }
}
