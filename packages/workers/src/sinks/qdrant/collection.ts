import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError, type StoredSchema, type StoreSchema } from "@millrace/core";
import type { Schemas } from "@qdrant/js-client-rest";
import { checkSchema } from "../check.js";
import type { QdrantConnection } from "./client.js";
import { vectorName } from "./payload.js";
import { findStorePoint, undefinedWhenMissing, writeStorePoint } from "./store-point.js";

type CollectionInfo = Schemas["CollectionInfo"];

/** Fields that searches choose points by. */
const indexedFields = ["corpus", "path", "document"];

/** Edges of a point in the search graph, Qdrant's own default; 0 while a new collection is filled: no graph is built. */
const graphEdges = 16;

/** How long `finish` waits for the graph; searches are right before, only slower. */
const maxWaitMilliseconds = 30 * 60_000;

/** Creates the collection, or checks the one that is there. @throws E_STORE_SCHEMA, E_STORE_FINGERPRINT, E_STORE … */
export async function openCollection(connection: QdrantConnection, schema: StoreSchema): Promise<StoredSchema> {
  const info = (await findCollection(connection)) ?? (await createCollection(connection, schema));
  const stored = await findStorePoint(connection);
  if (stored !== undefined) checkSchema(stored, schema, connection.place.name);
  checkVectors(connection, info, schema);
  if (stored === undefined && (info.points_count ?? 0) > 0) throw foreignCollection(connection);
  for (const field of indexedFields) {
    if (info.payload_schema[field] === undefined) await createIndex(connection, field);
  }
  const opened = { ...schema, identity: stored?.identity ?? randomUUID() };
  await writeStorePoint(connection, opened);
  return opened;
}

/** Lets Qdrant build the search graph that was put off when the collection was made, and waits until it is built. */
export async function buildGraph(connection: QdrantConnection): Promise<void> {
  const info = await findCollection(connection);
  if (info?.config.hnsw_config.m === 0) {
    await connection.write("cannot build the index", (client, collection) =>
      client.updateCollection(collection, { hnsw_config: { m: graphEdges } }),
    );
  }
  const deadline = performance.now() + maxWaitMilliseconds;
  for (let wait = 50; performance.now() < deadline; wait = Math.min(2 * wait, 2_000)) {
    const status = (await findCollection(connection))?.status;
    if (status !== "yellow" && status !== "grey") return;
    await sleep(wait);
  }
}

function findCollection(connection: QdrantConnection): Promise<CollectionInfo | undefined> {
  return connection.read("cannot open the store", (client, collection) =>
    client.getCollection(collection).catch(undefinedWhenMissing),
  );
}

async function createCollection(connection: QdrantConnection, { dimensions }: StoreSchema): Promise<CollectionInfo> {
  const vectors = { [vectorName]: { size: dimensions, distance: "Cosine" as const, on_disk: true } };
  const settings = { vectors, on_disk_payload: true, hnsw_config: { m: 0 } };
  await connection.read("cannot create the store", (client, collection) =>
    client.createCollection(collection, settings).catch(ignoreWhenThere),
  );
  const info = await findCollection(connection);
  if (info === undefined) throw new MillraceError("E_STORE", "the collection vanished", { why: connection.place.name });
  return info;
}

async function createIndex(connection: QdrantConnection, field: string): Promise<void> {
  const index = { field_name: field, field_schema: "keyword" as const, wait: true };
  await connection.write("cannot create the store", (client, collection) =>
    client.createPayloadIndex(collection, index),
  );
}

function checkVectors({ place }: QdrantConnection, info: CollectionInfo, schema: StoreSchema): void {
  const vector = (info.config.params.vectors as { [name: string]: Schemas["VectorParams"] } | undefined)?.[vectorName];
  if (vector?.size === schema.dimensions && vector.distance === "Cosine") return;
  const found =
    vector === undefined ? `no vector named ${vectorName}` : `${vector.size} dimensions (${vector.distance})`;
  const why = `${place.name} has ${found}, the model gives ${schema.dimensions} dimensions (Cosine)`;
  throw new MillraceError("E_STORE_SCHEMA", "the collection was made for other vectors", { why, fix: otherStore });
}

function foreignCollection({ place }: QdrantConnection): MillraceError {
  const why = `${place.name} holds points of another program`;
  return new MillraceError("E_STORE_SCHEMA", "the collection is not one of millrace", { why, fix: otherStore });
}

const otherStore = "Name another collection in --store; it is created where it does not exist";

/** A request repeated after its answer was lost finds its own collection. */
function ignoreWhenThere(error: unknown): undefined {
  if ((error as { status?: unknown }).status !== 409) throw error;
}
