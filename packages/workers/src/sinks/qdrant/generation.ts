import { MillraceError } from "@millrace/core";
import { generationName } from "../generation.js";
import type { QdrantConnection } from "./client.js";
import { findCollection, openCollection, type WantedCollection } from "./collection.js";
import { collectionPlace } from "./place.js";
import type { StoreDescription } from "./store-point.js";

/** The collection a sink writes to until it is closed. */
export interface OpenGeneration extends StoreDescription {
  readonly collection: QdrantConnection;
}

/** What is wanted of whichever collection it becomes. */
export type WantedStore = Omit<WantedCollection, "generation">;

/**
 * Opens a generation's collection `<store>-<generation>`, or the one that the store's name stands for, an alias or a
 * collection. Where it stands for none, the first generation is made, and live.
 */
export async function openGeneration(
  connection: QdrantConnection,
  generation: string | undefined,
  wanted: WantedStore,
): Promise<OpenGeneration> {
  if (generation !== undefined) return openNamed(connection, generation, wanted);
  const live = await findLive(connection);
  if (live !== undefined) return { collection: live, ...(await openCollection(live, wanted)) };
  const first = await openNamed(connection, generationName(wanted.schema.fingerprint), wanted);
  // Another process may have been first, with this generation or another one.
  if ((await liveAlias(connection)) === undefined) await makeLive(connection, first.collection, false);
  const now = await liveAlias(connection);
  if (now === first.collection.place.collection || now === undefined) return first;
  const collection = atCollection(connection, now);
  return { collection, ...(await openCollection(collection, wanted)) };
}

async function openNamed(connection: QdrantConnection, name: string, wanted: WantedStore): Promise<OpenGeneration> {
  const collection = atGeneration(connection, name);
  const generation = { store: connection.place.collection, name };
  return { collection, ...(await openCollection(collection, { ...wanted, generation })) };
}

/** The collection to search; it may be missing. */
export async function findGeneration(
  connection: QdrantConnection,
  generation: string | undefined,
): Promise<QdrantConnection> {
  if (generation !== undefined) return atGeneration(connection, generation);
  return atCollection(connection, (await liveAlias(connection)) ?? connection.place.collection);
}

/** The collection behind the store's name; undefined where there is none. */
export async function findLive(connection: QdrantConnection): Promise<QdrantConnection | undefined> {
  const live = await liveAlias(connection);
  if (live !== undefined) return atCollection(connection, live);
  return (await findCollection(connection)) === undefined ? undefined : connection;
}

/** The collection that the store's name is an alias of; undefined where it is none. */
export async function liveAlias(connection: QdrantConnection): Promise<string | undefined> {
  const { aliases } = await connection.read("cannot open the store", (client) => client.getAliases());
  return aliases.find(({ alias_name }) => alias_name === connection.place.collection)?.collection_name;
}

/** Lets the store's name stand for the collection. Qdrant carries the actions of one request out at once. */
export async function makeLive(
  connection: QdrantConnection,
  { place }: QdrantConnection,
  isAlias: boolean,
): Promise<void> {
  const alias_name = connection.place.collection;
  const create = { create_alias: { collection_name: place.collection, alias_name } };
  const actions = isAlias ? [{ delete_alias: { alias_name } }, create] : [create];
  await connection.write("cannot make the generation live", (client) => client.updateCollectionAliases({ actions }));
}

/** The collection of a generation. @throws E_CONFIG where its name would be too long. */
export function atGeneration(connection: QdrantConnection, generation: string): QdrantConnection {
  const collection = `${connection.place.collection}-${generation}`;
  if (collection.length <= 255) return atCollection(connection, collection);
  const why = `${collection} has more than 255 characters`;
  throw new MillraceError("E_CONFIG", "the collection's name is too long", { why, fix: "Choose a shorter one" });
}

/** The same server, asked for another collection. */
export function atCollection(connection: QdrantConnection, collection: string): QdrantConnection {
  return {
    place: collectionPlace({ ...connection.place, collection }),
    read: (what, request) => connection.read(what, (client) => request(client, collection)),
    write: (what, request) => connection.write(what, (client) => request(client, collection)),
  };
}
