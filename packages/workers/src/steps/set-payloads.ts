import { isDeepStrictEqual } from "node:util";
import {
  MillraceError,
  type Payload,
  type PointBatch,
  type Searcher,
  type Sink,
  type StoredPoint,
} from "@millrace/core";
import { pointId } from "../identity/point-id.js";
import type { StepControl } from "./context.js";

/** Fields to set in the payload of a document's points; the others stay. */
export interface DocumentPayload {
  /** Key of the document's object. */
  readonly path: string;
  readonly document: string;
  readonly payload: Payload;
}

export interface PayloadStore {
  readonly corpus: string;
  readonly searcher: Searcher;
  /** Opened, and the only one that writes. */
  readonly sink: Sink;
}

/** Documents that are in the store, those that are not, and points that were not already so. */
export interface PayloadCounts {
  readonly documents: number;
  readonly missing: number;
  readonly points: number;
}

/** Documents that are looked up together, and chunks of each that are asked for at once. */
const lookUp = { documents: 64, chunks: 16 };

/**
 * Sets fields in the payloads of documents' points, each written again with the vector that the store holds. Doing it twice is doing it once:
 * what is so already is not written. @throws E_CONFIG where the store does not give points by their ids
 */
export async function setPayloads(
  store: PayloadStore,
  documents: AsyncIterable<DocumentPayload>,
  { signal }: StepControl = {},
): Promise<PayloadCounts> {
  let [found, missing, written] = [0, 0, 0];
  const take = async (group: readonly DocumentPayload[]) => {
    signal?.throwIfAborted();
    const counts = await setGroup(store, group);
    found += counts.documents;
    missing += group.length - counts.documents;
    written += counts.points;
  };
  let group: DocumentPayload[] = [];
  for await (const document of documents) {
    group.push(document);
    if (group.length < lookUp.documents) continue;
    await take(group);
    group = [];
  }
  if (group.length > 0) await take(group);
  if (written > 0) await store.sink.finish();
  return { documents: found, missing, points: written };
}

async function setGroup(store: PayloadStore, group: readonly DocumentPayload[]) {
  let [documents, points] = [0, 0];
  let left = group;
  for (let from = 0; left.length > 0; from += lookUp.chunks) {
    const stored = await pointsOf(store, left, from);
    const changed = stored.flatMap(({ document, points: own }) => own.flatMap((point) => withPayload(point, document)));
    if (changed.length > 0) await store.sink.upsert(batchOf(changed));
    points += changed.length;
    left = stored.filter(({ points: own }) => own.length > 0).map(({ document }) => document);
    if (from === 0) documents = left.length;
  }
  return { documents, points };
}

interface StoredDocument {
  readonly document: DocumentPayload;
  readonly points: readonly StoredPoint[];
}

/** Some chunks of each document. A chunk may be missing between others: it is in quarantine. */
async function pointsOf(
  { corpus, searcher }: PayloadStore,
  documents: readonly DocumentPayload[],
  from: number,
): Promise<readonly StoredDocument[]> {
  const places = documents.map(({ path: object, document }) =>
    Array.from({ length: lookUp.chunks }, (_, index) => pointId({ corpus, object, document, ordinal: from + index })),
  );
  if (searcher.points === undefined) {
    throw new MillraceError("E_CONFIG", "the store gives no points by their ids", {
      fix: "Use a LanceDB or Qdrant store.",
    });
  }
  const byId = new Map((await searcher.points(places.flat())).map((point) => [point.record.id, point]));
  return documents.map((document, index) => ({
    document,
    points: (places[index] ?? []).flatMap((id) => byId.get(id) ?? []),
  }));
}

/** The point with these fields set; none where they are so already. */
function withPayload({ record, vector }: StoredPoint, { payload }: DocumentPayload): readonly StoredPoint[] {
  const isSet = Object.entries(payload).every(([name, value]) => isDeepStrictEqual(record.payload[name], value));
  return isSet ? [] : [{ record: { ...record, payload: { ...record.payload, ...payload } }, vector }];
}

function batchOf(points: readonly StoredPoint[]): PointBatch {
  const dimensions = points[0]?.vector.length ?? 0;
  const vectors = new Float32Array(points.length * dimensions);
  for (const [row, { vector }] of points.entries()) vectors.set(vector, row * dimensions);
  return { records: points.map(({ record }) => record), vectors };
}
