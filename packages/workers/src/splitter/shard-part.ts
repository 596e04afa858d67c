import {
  type Chunk,
  type CorpusObject,
  type Document,
  type Job,
  layout,
  type ManifestDocument,
  MillraceError,
  type Shard,
} from "@millrace/core";
import { contentHash } from "../identity/digest.js";
import { pointId } from "../identity/point-id.js";
import type { ManifestHead } from "../manifest/manifest-head.js";
import { documentsOf } from "../manifest/read-manifest.js";
import { withBadRows } from "../manifest/version.js";
import { type QuarantineRecord, writeQuarantine } from "../quarantine/quarantine.js";
import type { SplitIndex } from "../steps/marks.js";
import { defaultWorkLimits, type WorkLimits } from "../work-limits.js";
import { BatchWriter } from "./batch-writer.js";
import type { SplitterDrivers } from "./drivers.js";
import type { Reading } from "./read-shard.js";

interface ObjectReading {
  readonly object: CorpusObject;
  /** The object's own; marked where it has bad rows, "" once reading it broke off. */
  version: string;
  readonly documents: ManifestDocument[];
}

interface PendingDocument {
  readonly reading: ObjectReading;
  readonly row: number;
  readonly document: Document;
  readonly hash: string;
}

/** Stored bytes as far as they were read. */
export interface ReadBytes {
  /** All that were read for this part. */
  readonly bytes: number;
  /** Of the object that was read last, from its beginning. */
  readonly furthest: number;
}

export interface ShardPartOptions {
  readonly drivers: SplitterDrivers;
  readonly job: Job;
  readonly shard: Shard;
  /** The manifest in force, to know which documents are unchanged. */
  readonly head: ManifestHead;
  readonly isCareful: boolean;
}

/** One part of a shard while it is read: turns readings into batches, manifest parts and quarantine records. */
export class ShardPart {
  private readonly writer: BatchWriter;
  private readonly readings: ObjectReading[] = [];
  private readonly quarantine: QuarantineRecord[] = [];
  private readonly counts = {
    documents: 0,
    unchangedDocuments: 0,
    emptyDocuments: 0,
    chunks: 0,
    tokens: 0,
    changedObjects: 0,
  };
  private pending: PendingDocument[] = [];
  private pendingCharacters = 0;
  /** Documents the store already holds of the object being read. */
  private known: ReadonlyMap<string, ManifestDocument> = new Map();
  private current: ObjectReading | undefined;
  private nextRow: number;
  private objectsLeft: number;

  private readonly drivers: SplitterDrivers;
  private readonly job: Job;
  private readonly shard: Shard;
  private readonly head: ManifestHead;
  /** Each pair of object and document of the shard's `redo`, as JSON. */
  private readonly redo: ReadonlySet<string>;
  private readonly limits: WorkLimits;
  private readonly documentsPerGroup: number;

  constructor({ drivers, job, shard, head, isCareful }: ShardPartOptions) {
    this.drivers = drivers;
    this.job = job;
    this.shard = shard;
    this.head = head;
    this.redo = new Set(shard.redo?.map((pair) => JSON.stringify(pair)));
    this.limits = drivers.limits ?? defaultWorkLimits;
    this.documentsPerGroup = isCareful ? 1 : this.limits.group.documents;
    this.writer = new BatchWriter(drivers.blobs, shard.id, this.limits.batch);
    this.nextRow = shard.fromRow;
    this.objectsLeft = shard.objects.length;
  }

  /** A part that goes on within an object may get a reader that has already begun it. */
  async start(): Promise<void> {
    const [first] = this.shard.objects;
    if (first !== undefined && this.shard.fromRow > 0) await this.begin(first);
  }

  get isFull(): boolean {
    const { documents, tokens } = this.counts;
    const { part } = this.limits;
    return documents >= part.documents || tokens >= part.tokens;
  }

  async take(reading: Reading): Promise<void> {
    if (reading.kind === "begun") {
      if (this.current === undefined) await this.begin(reading.object);
      return;
    }
    if (reading.kind === "document") return this.takeDocument(reading.row, reading.document);
    if (reading.kind === "bad-row") {
      this.nextRow = reading.row + 1;
      this.markBadRows(this.current);
      return this.reject(reading.object, reading.error, { row: reading.row });
    }
    if (reading.kind === "failed") this.breakOff(reading.object, reading.error);
    this.current = undefined;
    this.nextRow = 0;
    this.objectsLeft -= 1;
  }

  /** Chunks what is pending, writes the last batch and the quarantine, and returns what the part amounts to. */
  async finish({ bytes, furthest }: ReadBytes): Promise<SplitIndex> {
    await this.flush();
    const batches = await this.writer.finish();
    await writeQuarantine(this.drivers.blobs, layout.quarantine(this.shard.id), this.quarantine);
    const rest = this.rest(furthest);
    return {
      split: {
        batches,
        counts: { ...this.counts, quarantined: this.quarantine.length, bytes },
        ...(this.quarantine.length > 0 && { reasons: countBy(this.quarantine, ({ code }) => code) }),
        isDone: false,
        ...(rest === undefined ? {} : { rest }),
      },
      parts: this.readings.map(({ object, version, documents }) => ({ object: object.key, version, documents })),
    };
  }

  private async begin(object: CorpusObject): Promise<void> {
    this.current = { object, version: object.version, documents: [] };
    this.readings.push(this.current);
    const known = this.head.pages.length === 0 ? [] : await documentsOf(this.drivers.blobs, this.head, object.key);
    this.known = new Map(known.map((document) => [document.key, document]));
  }

  private async takeDocument(row: number, document: Document): Promise<void> {
    const reading = this.current as ObjectReading;
    this.nextRow = row + 1;
    this.counts.documents += 1;
    const hash = contentHash(document);
    const known = this.known.get(document.key);
    if (known?.hash === hash && !this.isToEncode(reading.object.key, document.key)) {
      this.counts.unchangedDocuments += 1;
      reading.documents.push(known);
      return;
    }
    this.pending.push({ reading, row, document, hash });
    this.pendingCharacters += document.text.length;
    const isGroupFull =
      this.pending.length >= this.documentsPerGroup || this.pendingCharacters >= this.limits.group.characters;
    if (isGroupFull) await this.flush();
  }

  /** Whether a document is encoded although the store holds it. */
  private isToEncode(object: string, document: string): boolean {
    return this.shard.isFull || (this.redo.size > 0 && this.redo.has(JSON.stringify([object, document])));
  }

  private async flush(): Promise<void> {
    const group = this.pending;
    this.pending = [];
    this.pendingCharacters = 0;
    const chunked = await this.drivers.chunker.chunk(group.map(({ document }) => document));
    for (const [index, pending] of group.entries()) await this.takeChunks(pending, chunked[index] ?? []);
  }

  private async takeChunks(pending: PendingDocument, chunks: readonly Chunk[] | MillraceError): Promise<void> {
    const { reading, row, document, hash } = pending;
    if (chunks instanceof MillraceError) {
      this.markBadRows(reading);
      return this.reject(reading.object, chunks, { row, document: document.key });
    }
    reading.documents.push({ key: document.key, hash, chunks: chunks.length });
    if (chunks.length === 0) this.counts.emptyDocuments += 1;
    for (const chunk of chunks) {
      this.counts.chunks += 1;
      this.counts.tokens += chunk.tokenIds.length;
      await this.writer.add({ record: this.recordOf(reading.object.key, document, chunk), tokenIds: chunk.tokenIds });
    }
  }

  private recordOf(object: string, document: Document, chunk: Chunk) {
    const { corpus } = this.job;
    return {
      id: pointId({ corpus, object, document: document.key, ordinal: chunk.ordinal }),
      corpus,
      path: object,
      document: document.key,
      ordinal: chunk.ordinal,
      start: chunk.start,
      end: chunk.end,
      title: document.title ?? "",
      headings: chunk.headings,
      text: chunk.text,
      payload: document.payload,
    };
  }

  private markBadRows(reading: ObjectReading | undefined): void {
    if (reading !== undefined) reading.version = withBadRows(reading.version);
  }

  private reject(object: CorpusObject, error: MillraceError, at: { row?: number; document?: string }): void {
    const { key, version } = object;
    this.quarantine.push({ object: key, version, ...at, code: error.code, reason: error.message });
  }

  /**
   * The reading proves nothing of what it did not reach; an object that was not reached at all is left as it was. Of one that
   * others read parts of, it must be known that this part is missing.
   */
  private breakOff(object: CorpusObject, error: MillraceError): void {
    const hasChanged = error.code === "E_OBJECT_CHANGED";
    if (hasChanged) this.counts.changedObjects += 1;
    else this.reject(object, error, {});
    if (hasChanged && this.nextRow === 0 && this.shard.range === undefined) this.readings.pop();
    else if (this.current !== undefined) this.current.version = "";
  }

  private rest(fromByte: number): Shard | undefined {
    if (this.objectsLeft === 0) return undefined;
    const { id, ...shard } = this.shard;
    const objects = shard.objects.slice(-this.objectsLeft);
    return { ...shard, id: nextPartId(id), objects, fromRow: this.nextRow, fromByte };
  }
}

/** `000000-000003-ab12cd34` → `….1` → `….2`. */
function nextPartId(id: string): string {
  const [shard, part] = id.split(".");
  return `${shard}.${Number(part ?? 0) + 1}`;
}

function countBy<Item, Key extends string>(
  items: readonly Item[],
  keyOf: (item: Item) => Key,
): Partial<Record<Key, number>> {
  const counts: Partial<Record<Key, number>> = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
}
