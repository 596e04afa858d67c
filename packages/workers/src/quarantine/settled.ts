import { type BlobStore, layout, type ManifestDocument, type Shard } from "@millrace/core";
import type { ManifestObject } from "../manifest/read-manifest.js";
import { type QuarantineRecord, writeQuarantine } from "./quarantine.js";
import { quarantinedDocuments, quarantineFiles } from "./read-quarantine.js";

/** What a plan made of an object, as far as the quarantine is concerned. */
interface Settlement {
  /** Read to its end, or gone: what was said of its rows before is void. */
  readonly isWhole: boolean;
  /** Documents that were encoded again, or are gone: what was said of their chunks before is void. */
  readonly documents: ReadonlySet<string>;
}

/** An object's documents before the plan, and its new reading; none where the object is gone. */
export interface ObjectReadings {
  readonly old: readonly ManifestDocument[];
  readonly fresh: ManifestObject | undefined;
}

/** Finds what earlier plans said in quarantine and this one has worked on again, and clears it. */
export class SettledQuarantine {
  private readonly settlements = new Map<string, Settlement>();
  private readonly shards = new Set<string>();
  private readonly full = new Set<string>();
  private readonly redone = new Set<string>();

  /** @param named of each object in quarantine, the documents that have chunks there */
  private constructor(private readonly named: ReadonlyMap<string, ReadonlySet<string>>) {}

  static async open(blobs: BlobStore): Promise<SettledQuarantine> {
    return new SettledQuarantine((await quarantinedDocuments(blobs)).documents);
  }

  /** A shard of the plan, or a part of one. */
  takeShard({ id, objects, isFull, redo = [] }: Shard): void {
    if (this.named.size === 0) return;
    this.shards.add(id.split(".", 1)[0] as string);
    if (isFull) for (const { key } of objects) if (this.named.has(key)) this.full.add(key);
    for (const again of redo) this.redone.add(JSON.stringify(again));
  }

  takeObject(object: string, { old, fresh }: ObjectReadings): void {
    const named = this.named.get(object);
    if (named === undefined) return;
    const isWhole = fresh?.version !== "";
    const before = new Map(old.map(({ key, hash }) => [key, hash]));
    const now = new Map(fresh?.documents.map(({ key, hash }) => [key, hash]));
    const isAnew = (document: string) =>
      this.full.has(object) ||
      this.redone.has(JSON.stringify([object, document])) ||
      now.get(document) !== before.get(document);
    const documents = [...named].filter((document) => (now.has(document) ? isAnew(document) : isWhole));
    this.settlements.set(object, { isWhole, documents: new Set(documents) });
  }

  /** Takes what is settled from the files of earlier plans. Those of this plan say what is at fault now. */
  async clear(blobs: BlobStore): Promise<void> {
    if (this.settlements.size === 0) return;
    const failed = new Set<string>();
    for await (const { key, records } of quarantineFiles(blobs)) {
      if (!this.isOwn(key)) continue;
      for (const { object, row, document } of records) {
        if (row === undefined && document === undefined) failed.add(object);
      }
    }
    for await (const { key, records } of quarantineFiles(blobs)) {
      if (this.isOwn(key)) continue;
      const left = records.filter((record) => !this.isSettled(record, failed));
      if (left.length === 0) await blobs.delete([key]);
      else if (left.length < records.length) await writeQuarantine(blobs, key, left);
    }
  }

  private isOwn(key: string): boolean {
    return this.shards.has(layout.shardOfQuarantine(key));
  }

  /** @param failed objects that this plan could not read to their end, and says so */
  private isSettled({ object, document, ordinal }: QuarantineRecord, failed: ReadonlySet<string>): boolean {
    const settlement = this.settlements.get(object);
    if (settlement === undefined) return false;
    if (document !== undefined && ordinal !== undefined) return settlement.documents.has(document);
    return settlement.isWhole || failed.has(object);
  }
}
