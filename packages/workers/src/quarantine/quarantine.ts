import {
  type BatchRef,
  type BlobStore,
  type ErrorCode,
  layout,
  type MillraceError,
  type PointRecord,
} from "@millrace/core";

/** Why something of the corpus is not in the store. Never holds text of a document. */
export interface QuarantineRecord {
  readonly object: string;
  readonly version: string;
  /** Row within the object; absent where the object as a whole cannot be read. */
  readonly row?: number;
  readonly document?: string;
  /** Chunk within the document; absent where the document as a whole is at fault. */
  readonly ordinal?: number;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** Writes the records of one shard as JSON lines; nothing where there are none. */
export async function writeQuarantine(
  blobs: BlobStore,
  key: string,
  records: readonly QuarantineRecord[],
): Promise<void> {
  if (records.length === 0) return;
  await blobs.put(key, Buffer.from(`${records.map((record) => JSON.stringify(record)).join("\n")}\n`));
}

/** Records the chunks of a batch that the engine could not encode. */
export async function quarantineChunks(
  blobs: BlobStore,
  batch: BatchRef,
  rows: readonly PointRecord[],
  failed: ReadonlyMap<number, MillraceError>,
): Promise<void> {
  const records = [...failed].flatMap(([row, error]): QuarantineRecord[] => {
    const record = rows[row];
    if (record === undefined) return [];
    const { path: object, document, ordinal } = record;
    return [{ object, version: "", document, ordinal, code: error.code, reason: error.message }];
  });
  await writeQuarantine(blobs, layout.quarantineOfBatch(batch.shard, batch.index), records);
}
