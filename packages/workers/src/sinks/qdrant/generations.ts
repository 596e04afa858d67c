import { type Generation, type Generations, MillraceError } from "@millrace/core";
import { byName, generationIsLive, generationMissing } from "../generation.js";
import { connectQdrant, type QdrantConnection, type QdrantOptions } from "./client.js";
import { findCollection } from "./collection.js";
import { atCollection, atGeneration, findLive, liveAlias, makeLive } from "./generation.js";
import type { QdrantPlace } from "./place.js";
import { findStorePoint } from "./store-point.js";

/** The collections of a store: `<store>-<generation>` each, and the store's name an alias of the live one. */
export function qdrantGenerations(place: QdrantPlace, options: QdrantOptions = {}): Generations {
  const connection = connectQdrant(place, options);
  return {
    list: async () => byName(await listGenerations(connection)),
    async promote(name) {
      const target = await findOwn(connection, name);
      if (target === undefined) throw generationMissing(place.name, name);
      const live = await liveAlias(connection);
      if (live === target.place.collection) return;
      if (live === undefined && (await findCollection(connection)) !== undefined) throw nameIsTaken(place, name);
      await makeLive(connection, target, live !== undefined);
    },
    async drop(name) {
      const target = await findOwn(connection, name);
      const live = await findLive(connection);
      if (live !== undefined && live.place.collection === (name === "" ? place : target?.place)?.collection) {
        throw generationIsLive(place.name, name);
      }
      await target?.write("cannot delete the generation", (client, collection) => client.deleteCollection(collection));
    },
    close: async () => undefined,
  };
}

async function listGenerations(connection: QdrantConnection): Promise<Generation[]> {
  const { collection: store } = connection.place;
  const { collections } = await connection.read("cannot list the generations", (client) => client.getCollections());
  const live = (await findLive(connection))?.place.collection;
  const generations: Generation[] = [];
  for (const { name } of collections) {
    if (name !== live && !name.startsWith(`${store}-`)) continue;
    const description = await findStorePoint(atCollection(connection, name));
    if (description === undefined) continue;
    const { schema, generation } = description;
    const isOwn = generation?.store === store && name === `${store}-${generation.name}`;
    if (isOwn || name === live) generations.push({ name: isOwn ? generation.name : "", schema, isLive: name === live });
  }
  return generations;
}

/** The collection of a generation of this store; another store's may have the name that this one's would have. */
async function findOwn(connection: QdrantConnection, name: string): Promise<QdrantConnection | undefined> {
  const target = atGeneration(connection, name);
  const owner = (await findStorePoint(target))?.generation;
  return owner?.store === connection.place.collection && owner.name === name ? target : undefined;
}

/** Qdrant takes no alias with the name of a collection. */
function nameIsTaken({ name }: QdrantPlace, generation: string): MillraceError {
  const why = `${name} is a collection itself, and Qdrant takes no alias of that name`;
  const fix = "Delete that collection and promote again, with no answers in between, or index into another --store";
  return new MillraceError("E_STORE", `generation ${generation} cannot be made live`, { why, fix });
}
