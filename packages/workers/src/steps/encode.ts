import { type BatchRef, layout, type MillraceError, type TokenBatchPlan, type VectorsRef } from "@millrace/core";
import { openBatchFile } from "../arrow/batch-file.js";
import { recordsOf } from "../arrow/record-columns.js";
import { encodeVectorsFile, withoutRows } from "../arrow/vectors-file.js";
import { getBlob, putBlob, readJson, writeJson } from "../blobs/json.js";
import { encodeDistinct } from "../known-vectors/encode-distinct.js";
import { quarantineChunks } from "../quarantine/quarantine.js";
import type { EncodeContext } from "./context.js";

/**
 * One batch → vectors, in token batches planned by exact length within it. Vectors an earlier run made are found again.
 * @throws the signal's reason once it fires
 */
export async function encode(context: EncodeContext, batch: BatchRef, signal?: AbortSignal): Promise<VectorsRef> {
  const { blobs, aroundBatch = (_, work) => work() } = context;
  const earlier = await readJson<VectorsRef>(blobs, layout.vectorsIndex(batch.shard, batch.index));
  return earlier ?? aroundBatch(batch, () => encodeBatch(context, batch, signal));
}

async function encodeBatch(context: EncodeContext, batch: BatchRef, signal?: AbortSignal): Promise<VectorsRef> {
  const { blobs, encoder, known } = context;
  const { table, tokenIds } = openBatchFile(await getBlob(blobs, batch));
  const onRun = ({ length, rows }: TokenBatchPlan) => context.onTokens?.(length * rows.length);
  const options = { onRun, ...(signal === undefined ? {} : { signal }) };
  const { vectors, failed, reused } = await encodeDistinct(encoder, tokenIds, { known, ...options });
  const isWhole = failed.size === 0;
  const records = isWhole ? [] : recordsOf(table);
  if (!isWhole) await quarantineChunks(blobs, batch, records, failed);
  const file = encodeVectorsFile(
    isWhole ? table : withoutRows(table, failed),
    isWhole ? vectors : withoutVectors(vectors, failed, encoder.dimensions),
    encoder.dimensions,
  );
  const ref: VectorsRef = {
    ...(await putBlob(blobs, layout.vectors(batch.shard, batch.index), file)),
    shard: batch.shard,
    index: batch.index,
    points: tokenIds.length - failed.size,
    dimensions: encoder.dimensions,
    quarantined: failed.size,
    engine: encoder.engine,
    quarantinedIds: records.filter((_, row) => failed.has(row)).map(({ id }) => id),
    reused: {
      chunks: reused.length,
      tokens: reused.reduce((sum, row) => sum + (tokenIds[row]?.length ?? 0), 0),
    },
  };
  await writeJson(blobs, layout.vectorsIndex(batch.shard, batch.index), ref);
  return ref;
}

function withoutVectors(
  vectors: Float32Array,
  failed: ReadonlyMap<number, MillraceError>,
  dimensions: number,
): Float32Array {
  const rows = Array.from({ length: vectors.length / dimensions }, (_, row) => row).filter((row) => !failed.has(row));
  const kept = new Float32Array(rows.length * dimensions);
  for (const [position, row] of rows.entries()) {
    kept.set(vectors.subarray(row * dimensions, (row + 1) * dimensions), position * dimensions);
  }
  return kept;
}
