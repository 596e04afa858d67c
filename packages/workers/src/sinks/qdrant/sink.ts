import { inPieces, type PointBatch, type Sink, type StoreSchema } from "@millrace/core";
import { asUuid } from "../../identity/point-id.js";
import { checkBatch, opened } from "../check.js";
import { connectQdrant, type QdrantConnection, type QdrantOptions } from "./client.js";
import { buildGraph, openCollection } from "./collection.js";
import { jsonBytes, type QdrantPoint, toQdrantPoint } from "./payload.js";
import type { QdrantPlace } from "./place.js";

/** Points in one request, and requests at once: measured best against a server on the same machine. */
const pointsPerRequest = 256;
const requestsAtOnce = 3;

/** Qdrant refuses bodies above 32 MiB. */
const maxRequestBytes = 8 * 2 ** 20;

const idsPerDelete = 1024;

/** Points in a collection of a Qdrant server. A write returns once the server has it in its log. */
export function qdrantSink(place: QdrantPlace, options: QdrantOptions = {}): Sink {
  const connection = connectQdrant(place, options);
  let schema: StoreSchema | undefined;
  return {
    async open(wanted) {
      const stored = await openCollection(connection, wanted);
      schema = stored;
      return stored.identity;
    },
    async upsert(batch) {
      checkBatch(batch, opened(schema).dimensions);
      await atOnce(pointPieces(batch), (points) => upsertPoints(connection, points));
    },
    async delete(ids) {
      opened(schema);
      await atOnce(inPieces(ids, idsPerDelete), (piece) => deletePoints(connection, piece));
    },
    async finish() {
      opened(schema);
      await buildGraph(connection);
    },
    async close() {
      schema = undefined;
    },
  };
}

async function upsertPoints(connection: QdrantConnection, points: QdrantPoint[]): Promise<void> {
  await connection.write("cannot write points", (client, collection) =>
    client.upsert(collection, { points, wait: true, ordering: "weak" }),
  );
}

async function deletePoints(connection: QdrantConnection, ids: readonly string[]): Promise<void> {
  const points = ids.map(asUuid);
  await connection.write("cannot delete points", (client, collection) =>
    client.delete(collection, { points, wait: true, ordering: "weak" }),
  );
}

/** Made while they are sent, so that no more than a few requests are in memory. */
function* pointPieces({ records, vectors }: PointBatch): Generator<QdrantPoint[]> {
  const dimensions = vectors.length / records.length;
  let points: QdrantPoint[] = [];
  let bytes = 0;
  for (const [row, record] of records.entries()) {
    const point = toQdrantPoint(record, vectors.subarray(row * dimensions, (row + 1) * dimensions));
    const size = jsonBytes(point);
    if (points.length === pointsPerRequest || (points.length > 0 && bytes + size > maxRequestBytes)) {
      yield points;
      [points, bytes] = [[], 0];
    }
    points.push(point);
    bytes += size;
  }
  if (points.length > 0) yield points;
}

/** Returns, or throws the first error, only when no request is under way any more: a later write cannot be overtaken. */
async function atOnce<Item>(items: Iterable<Item>, send: (item: Item) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const errors: unknown[] = [];
  const stream = async () => {
    for (let next = rest.next(); errors.length === 0 && next.done !== true; next = rest.next()) {
      await send(next.value).catch((error: unknown) => errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, stream));
  if (errors.length > 0) throw errors[0];
}
