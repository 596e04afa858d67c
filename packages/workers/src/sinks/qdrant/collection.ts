import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type CollectionSettings, MillraceError, type PayloadIndex, type StoreSchema } from "@millrace/core";
import type { Schemas } from "@qdrant/js-client-rest";
import { checkSchema } from "../check.js";
import type { QdrantConnection } from "./client.js";
import { creationRequest, datatypeOf, missingIndexes } from "./collection-settings.js";
import { vectorName } from "./payload.js";
import {
  findStorePoint,
  type GenerationOwner,
  type StoreDescription,
  undefinedWhenMissing,
  writeStorePoint,
} from "./store-point.js";

type CollectionInfo = Schemas["CollectionInfo"];

/** Between creating a collection and describing it lies one request. */
const maxCreationMilliseconds = 2_000;

/** How long `finish` waits for the graph; searches are right before, only slower. */
const maxWaitMilliseconds = 30 * 60_000;

/** What a collection is to be. */
export interface WantedCollection {
  readonly schema: StoreSchema;
  /** Undefined for a collection that is a store by itself. */
  readonly generation?: GenerationOwner;
  readonly settings: CollectionSettings;
}

/**
 * Creates the collection, or checks the one that is there. Of several processes that create it at once, the one that
 * Qdrant lets do it gives the store its identity; the others wait for that.
 * @throws E_STORE_SCHEMA, E_STORE_FINGERPRINT, E_STORE …
 */
export async function openCollection(
  connection: QdrantConnection,
  { schema, generation, settings }: WantedCollection,
): Promise<StoreDescription> {
  const before = await findCollection(connection);
  const isCreator = before === undefined && (await createCollection(connection, schema, settings));
  const info = before ?? (await findCollection(connection));
  if (info === undefined) throw new MillraceError("E_STORE", "the collection vanished", { why: connection.place.name });
  const stored = isCreator ? undefined : await awaitStorePoint(connection, info);
  if (stored !== undefined) checkSchema(stored.schema, schema, connection.place.name);
  checkVectors(connection, info, schema);
  const isForeign = stored === undefined ? (info.points_count ?? 0) > 0 : !isOf(stored, generation);
  if (isForeign) throw foreignCollection(connection);
  const opened: StoreDescription = {
    schema: { ...schema, identity: stored?.schema.identity ?? randomUUID() },
    generation: generation ?? stored?.generation,
    graphEdges: stored === undefined ? settings.graphEdges : stored.graphEdges,
  };
  await writeStorePoint(connection, opened);
  for (const index of missingIndexes(info.payload_schema, settings)) await createIndex(connection, index);
  return opened;
}

/**
 * Lets Qdrant build the search graph that was put off when the collection was made, and waits until it is built.
 * @param edges of a point in the graph; a run that was killed before its end leaves them to the next one's.
 */
export async function buildGraph(connection: QdrantConnection, edges: number): Promise<void> {
  const info = await findCollection(connection);
  if (info?.config.hnsw_config.m === 0) {
    await connection.write("cannot build the index", (client, collection) =>
      client.updateCollection(collection, { hnsw_config: { m: edges } }),
    );
  }
  const deadline = performance.now() + maxWaitMilliseconds;
  for (let wait = 50; performance.now() < deadline; wait = Math.min(2 * wait, 2_000)) {
    const { status, optimizer_status } = (await findCollection(connection)) ?? {};
    if (status === "red") throw failedCollection(connection, optimizer_status);
    if (status !== "yellow" && status !== "grey") return;
    await sleep(wait);
  }
}

/** Undefined where there is neither a collection nor an alias of that name. */
export function findCollection(connection: QdrantConnection): Promise<CollectionInfo | undefined> {
  return connection.read("cannot open the store", (client, collection) =>
    client.getCollection(collection).catch(undefinedWhenMissing),
  );
}

/** @returns false where it is there by now. */
async function createCollection(
  connection: QdrantConnection,
  schema: StoreSchema,
  settings: CollectionSettings,
): Promise<boolean> {
  const request = creationRequest(schema, settings);
  return connection.read("cannot create the store", (client, collection) =>
    client.createCollection(collection, request).catch(falseWhenThere),
  );
}

/** A creator that died, or a collection made by hand, leaves it to the next. */
async function awaitStorePoint(connection: QdrantConnection, info: CollectionInfo) {
  const deadline = performance.now() + maxCreationMilliseconds;
  for (;;) {
    const stored = await findStorePoint(connection);
    if (stored !== undefined || (info.points_count ?? 0) > 0 || performance.now() > deadline) return stored;
    await sleep(50);
  }
}

/** A collection that is opened by its own name may be anybody's; one of a store's generations is that store's. */
function isOf({ generation }: StoreDescription, wanted: GenerationOwner | undefined): boolean {
  return wanted === undefined || (generation?.store === wanted.store && generation.name === wanted.name);
}

async function createIndex(connection: QdrantConnection, { field, type }: PayloadIndex): Promise<void> {
  const index = { field_name: field, field_schema: type, wait: true };
  await connection.write("cannot create the store", (client, collection) =>
    client.createPayloadIndex(collection, index),
  );
}

function checkVectors({ place }: QdrantConnection, info: CollectionInfo, schema: StoreSchema): void {
  const vector = (info.config.params.vectors as { [name: string]: Schemas["VectorParams"] } | undefined)?.[vectorName];
  const kindOf = ({ size, distance, datatype }: Schemas["VectorParams"]) =>
    `${size} dimensions (${distance}, ${datatype ?? "float32"})`;
  const wanted = kindOf({ size: schema.dimensions, distance: "Cosine", ...datatypeOf(schema) });
  const found = vector === undefined ? `no vector named ${vectorName}` : kindOf(vector);
  if (found === wanted) return;
  const why = `${place.name} has ${found}, the model gives ${wanted}`;
  throw new MillraceError("E_STORE_SCHEMA", "the collection was made for other vectors", { why, fix: otherStore });
}

function foreignCollection({ place }: QdrantConnection): MillraceError {
  const why = `${place.name} holds points of another program`;
  return new MillraceError("E_STORE_SCHEMA", "the collection is not one of millrace", { why, fix: otherStore });
}

function failedCollection({ place }: QdrantConnection, optimizer: Schemas["OptimizersStatus"] | undefined) {
  const why = typeof optimizer === "object" ? `${place.name}: ${optimizer.error}` : `${place.name} is red`;
  return new MillraceError("E_STORE", "Qdrant could not process all that was written", { why, fix: "See its log" });
}

const otherStore = "Name another collection in --store; it is created where it does not exist";

/** Also for a request repeated after its answer was lost, which finds its own collection. */
function falseWhenThere(error: unknown): boolean {
  if ((error as { status?: unknown }).status !== 409) throw error;
  return false;
}
