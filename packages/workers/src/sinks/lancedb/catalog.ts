import { randomUUID } from "node:crypto";
import type { StoredSchema, StoreSchema } from "@millrace/core";
import { createMutex } from "../../mutex.js";
import { checkSchema } from "../check.js";
import { generationName, joinGeneration } from "../generation.js";
import {
  damagedStore,
  otherVersion,
  readStoreFile,
  type StoreFile,
  schemaOf,
  storeFormat,
  storeMissing,
  writeStoreFile,
} from "../store-file.js";
import { hasTable, type LancePlace, lanceFolder } from "./place.js";

/** Version of the layout with several generations. One generation in the table `points` is a store of format 1. */
const catalogFormat = 2;
const firstTable = "points";

/** What `store.json` says of a folder: which generation is live, and what each is. */
export interface Catalog {
  readonly live: string | undefined;
  readonly generations: ReadonlyMap<string, LanceGeneration>;
}

export interface LanceGeneration {
  readonly schema: StoredSchema;
  readonly table: string;
}

/** Empty where there is no store. @throws E_STORE when it is damaged, E_CONFIG when it is another driver's. */
export async function readCatalog(folder: string): Promise<Catalog> {
  const file = await readStoreFile(lanceFolder(folder));
  if (file === undefined) return { live: undefined, generations: new Map() };
  return file.format === catalogFormat ? parseCatalog(folder, file) : singleGeneration(folder, file);
}

const serially = createMutex();

/** Replaces the description by a changed one, atomically; one after the other in this process. */
export function changeCatalog(
  folder: string,
  change: (catalog: Catalog) => Catalog | Promise<Catalog>,
): Promise<Catalog> {
  return serially(async () => {
    const catalog = await change(await readCatalog(folder));
    await writeStoreFile(lanceFolder(folder), fileOf(catalog));
    return catalog;
  });
}

/**
 * Adds the generation, or compares the one that is there. Without a name it is the live one, which the first becomes.
 * The description is written each time: that finds a place that is read-only or full before any work is done. Where the
 * table is gone, so is the store that manifests speak of: it gets another identity.
 */
export async function openGeneration(place: LancePlace, schema: StoreSchema): Promise<LanceGeneration> {
  const { folder, generation } = place;
  const nameIn = ({ live }: Catalog) => generation ?? live ?? generationName(schema.fingerprint);
  const catalog = await changeCatalog(folder, (catalog) => {
    const name = nameIn(catalog);
    const stored = catalog.generations.get(name);
    if (stored !== undefined) checkSchema(stored.schema, schema, nameOf(place));
    const isFirst = generation === undefined && catalog.generations.size === 0;
    const table = stored?.table ?? (isFirst ? firstTable : `${firstTable}-${name}`);
    const identity = (hasTable(folder, table) ? stored?.schema.identity : undefined) ?? randomUUID();
    return {
      live: catalog.live ?? (generation === undefined ? name : undefined),
      generations: new Map([...catalog.generations, [name, { schema: { ...schema, identity }, table }]]),
    };
  });
  return foundIn(catalog, nameIn(catalog), place);
}

/** The generation of that name. @throws E_STORE_MISSING */
export function foundIn({ generations }: Catalog, name: string | undefined, place: LancePlace): LanceGeneration {
  const found = name === undefined ? undefined : generations.get(name);
  if (found === undefined) throw storeMissing(nameOf(place));
  return found;
}

/** The place as messages name it. */
export function nameOf({ folder, generation }: LancePlace): string {
  return joinGeneration({ place: folder, generation });
}

/** A store of one version earlier holds one generation, in the table `points`. */
function singleGeneration(folder: string, file: StoreFile): Catalog {
  if (file.format !== storeFormat) throw otherVersion(lanceFolder(folder), file.format);
  const schema = schemaOf(lanceFolder(folder), file);
  const name = generationName(schema.fingerprint);
  return { live: name, generations: new Map([[name, { schema, table: firstTable }]]) };
}

function parseCatalog(folder: string, { live, generations }: StoreFile): Catalog {
  const place = lanceFolder(folder);
  if (typeof generations !== "object" || generations === null) throw damagedStore(place);
  const parsed = new Map(
    Object.entries(generations).map(([name, content]: [string, unknown]) => {
      const { table } = (content ?? {}) as { readonly table?: unknown };
      if (typeof table !== "string" || !/^points(-[A-Za-z0-9._-]+)?$/.test(table)) throw damagedStore(place);
      return [name, { schema: schemaOf(place, content), table }];
    }),
  );
  if (live === null) return { live: undefined, generations: parsed };
  if (typeof live !== "string" || !parsed.has(live)) throw damagedStore(place);
  return { live, generations: parsed };
}

/** A store that never had a second generation is kept in the form that earlier versions know. */
function fileOf({ live, generations }: Catalog): Readonly<Record<string, unknown>> {
  const only = generations.size === 1 && live !== undefined ? generations.get(live) : undefined;
  if (only?.table === firstTable && live === generationName(only.schema.fingerprint)) {
    return { format: storeFormat, ...only.schema };
  }
  const contents = [...generations].map(([name, { schema, table }]) => [name, { table, ...schema }]);
  return { format: catalogFormat, live: live ?? null, generations: Object.fromEntries(contents) };
}
