import { MillraceError, type StoredSchema } from "@millrace/core";
import { storeMissing } from "../store-file.js";
import type { QdrantConnection } from "./client.js";

/** Version of the layout of points and their payloads. */
const storeFormat = 1;

/**
 * The point that describes the store. It has no vector, so no search finds it; everything else leaves it out by its id.
 * A collection's own metadata would be the place, but servers before 1.16 have none.
 */
export const storePointId = "5e0d1c9a-8f4b-5d6e-a7c3-1b2f3a4c5d6e";

/** Leaves the describing point out of counts and scans. */
export const withoutStorePoint = { must_not: [{ has_id: [storePointId] }] };

/** What the describing point says. */
export interface StoreDescription {
  readonly schema: StoredSchema;
  /** Undefined in a collection that is a store by itself. */
  readonly generation: GenerationOwner | undefined;
  /** Edges that the search graph is to have; while the collection is filled it has none. Undefined in older stores. */
  readonly graphEdges: number | undefined;
}

/** A collection's name does not tell where the store's ends and the generation's begins. */
export interface GenerationOwner {
  readonly store: string;
  readonly name: string;
}

/** What the store says of itself, or undefined where the collection is missing or not one of this product's. */
export async function findStorePoint(connection: QdrantConnection): Promise<StoreDescription | undefined> {
  const points = await connection.read("cannot read the store", (client, collection) =>
    client.retrieve(collection, { ids: [storePointId], with_payload: true }).catch(undefinedWhenMissing),
  );
  const content = points?.[0]?.payload?.millrace as (StoredSchema & StorePointFields) | undefined;
  if (content === undefined) return undefined;
  if (content.format !== storeFormat) {
    const why = `${connection.place.name} is of format ${content.format}, this version knows ${storeFormat}`;
    throw new MillraceError("E_STORE", "the store was made by another version", { why });
  }
  const { dimensions, distance, form, fingerprint, graph, model, identity, generation, graphEdges } = content;
  const schema = { dimensions, distance, ...(form && { form }), fingerprint, graph, model, identity };
  return { schema, generation, graphEdges };
}

interface StorePointFields {
  readonly format: number;
  readonly generation?: GenerationOwner;
  readonly graphEdges?: number;
}

/** @throws E_STORE_MISSING */
export async function readStorePoint(connection: QdrantConnection): Promise<StoredSchema> {
  const description = await findStorePoint(connection);
  if (description === undefined) throw storeMissing(connection.place.name);
  return description.schema;
}

export async function writeStorePoint(connection: QdrantConnection, description: StoreDescription): Promise<void> {
  const { schema, generation, graphEdges } = description;
  const payload = { millrace: { format: storeFormat, ...schema, generation, graphEdges } };
  const points = [{ id: storePointId, vector: {}, payload }];
  await connection.write("cannot write to the store", (client, collection) =>
    client.upsert(collection, { points, wait: true }),
  );
}

/** For a request whose collection may be missing. */
export function undefinedWhenMissing(error: unknown): undefined {
  if ((error as { status?: unknown }).status !== 404) throw error;
}
