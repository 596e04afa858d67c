import { type CollectionSettings, inPieces, type PointBatch, type Sink } from "@millrace/core";
import { asUuid } from "../../identity/point-id.js";
import { checkBatch, opened } from "../check.js";
import { connectQdrant, type QdrantConnection, type QdrantOptions } from "./client.js";
import { buildGraph } from "./collection.js";
import { defaultCollection, qdrantFormOf } from "./collection-settings.js";
import { type OpenGeneration, openGeneration } from "./generation.js";
import { jsonBytes, type QdrantForm, type QdrantPoint, toQdrantPoint } from "./payload.js";
import type { QdrantStore } from "./place.js";

/** Points in one request, and requests at once: measured best against a server on the same machine. */
const pointsPerRequest = 256;
const requestsAtOnce = 3;

/** Qdrant refuses bodies above 32 MiB. */
const maxRequestBytes = 8 * 2 ** 20;

const idsPerDelete = 1024;

export interface QdrantSinkOptions extends QdrantOptions {
  /** How a collection that does not exist is made. */
  readonly collection?: CollectionSettings | undefined;
}

/**
 * Points in a collection of a Qdrant server: a generation's own, or the one that the store's name stands for when it is
 * opened. A write returns once the server has it in its log.
 */
export function qdrantSink({ place, generation }: QdrantStore, options: QdrantSinkOptions = {}): Sink {
  const settings = options.collection ?? defaultCollection;
  const connection = connectQdrant(place, options);
  let store: OpenGeneration | undefined;
  return {
    async open(schema) {
      store = await openGeneration(connection, generation, { schema, settings });
      return store.schema.identity;
    },
    async upsert(batch) {
      const { collection, schema } = opened(store);
      checkBatch(batch, schema.dimensions);
      await atOnce(pointPieces(batch, qdrantFormOf(schema)), (points) => upsertPoints(collection, points));
    },
    async delete(ids) {
      const { collection } = opened(store);
      await atOnce(inPieces(ids, idsPerDelete), (piece) => deletePoints(collection, piece));
    },
    async finish() {
      const { collection, graphEdges } = opened(store);
      await buildGraph(collection, graphEdges ?? defaultCollection.graphEdges);
    },
    async close() {
      store = undefined;
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
function* pointPieces({ records, vectors }: PointBatch, form: QdrantForm): Generator<QdrantPoint[]> {
  const dimensions = vectors.length / records.length;
  let points: QdrantPoint[] = [];
  let bytes = 0;
  for (const [row, record] of records.entries()) {
    const vector = vectors.subarray(row * dimensions, (row + 1) * dimensions);
    const point = toQdrantPoint({ record, vector }, form);
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
