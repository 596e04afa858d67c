import type { PointBatch, Receipt, VectorsRef } from "@millrace/core";
import { openVectorsFile } from "../arrow/vectors-file.js";
import { getBlob } from "../blobs/json.js";
import { sha256 } from "../identity/digest.js";
import type { IoContext } from "./context.js";

/** Upserts the points of batches by id; writing again after a crash changes nothing. */
export async function writeAll(context: IoContext, vectors: readonly VectorsRef[]): Promise<readonly Receipt[]> {
  const receipts: Receipt[] = [];
  for (const ref of vectors) receipts.push(await write(context, ref));
  return receipts;
}

async function write({ blobs, sink }: IoContext, vectors: VectorsRef): Promise<Receipt> {
  const points = openVectorsFile(await getBlob(blobs, vectors));
  if (points.records.length > 0) await sink.upsert(points);
  if (vectors.quarantinedIds.length > 0) await sink.delete(vectors.quarantinedIds);
  return receiptOf(vectors, points);
}

function receiptOf({ shard, index, quarantined, engine }: VectorsRef, { records, vectors }: PointBatch): Receipt {
  const bytes = new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength);
  return {
    shard,
    index,
    points: records.length,
    idsDigest: sha256(records.map((record) => record.id).join("\n")),
    vectorsDigest: sha256(bytes),
    quarantined,
    ...(engine && { engine }),
  };
}
