import { randomUUID } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Generations } from "@millrace/core";
import { fileError, hasCode } from "../../blobs/file-errors.js";
import { byName, generationIsLive, generationMissing } from "../generation.js";
import { type Catalog, changeCatalog, readCatalog } from "./catalog.js";
import { hasTable, tablePath } from "./place.js";

/** Begins the name of a table's folder that is being deleted. */
const droppedMark = "dropped-";

/**
 * The tables below the folder. What is live is one field of `store.json`, which is replaced whole: a killed process has
 * promoted or not. Like a sink, it wants other processes kept out by the folder's lock.
 */
export function lanceGenerations(folder: string): Generations {
  return {
    async list() {
      const { live, generations } = await readCatalog(folder);
      return byName([...generations].map(([name, { schema }]) => ({ name, schema, isLive: name === live })));
    },
    async promote(name) {
      await changeCatalog(folder, (catalog) => {
        const found = catalog.generations.get(name);
        if (found === undefined || !hasTable(folder, found.table)) throw generationMissing(folder, name);
        return { ...catalog, live: name };
      });
    },
    async drop(name) {
      if ((await readCatalog(folder)).generations.has(name)) {
        await changeCatalog(folder, (catalog) => withoutGeneration(folder, catalog, name));
      }
      await deleteDropped(folder);
    },
    close: async () => undefined,
  };
}

/** The table goes first, at once: a generation that is still described and has no table is an empty one. */
async function withoutGeneration(folder: string, catalog: Catalog, name: string): Promise<Catalog> {
  if (catalog.live === name) throw generationIsLive(folder, name);
  const generations = new Map(catalog.generations);
  const table = generations.get(name)?.table;
  if (table !== undefined && hasTable(folder, table)) await moveAway(folder, table);
  generations.delete(name);
  return { ...catalog, generations };
}

async function moveAway(folder: string, table: string): Promise<void> {
  try {
    await rename(tablePath(folder, table), join(folder, `${droppedMark}${randomUUID()}`));
  } catch (error) {
    throw fileError(error, "cannot delete the generation", folder);
  }
}

/** Also what a killed process left. */
async function deleteDropped(folder: string): Promise<void> {
  try {
    for (const name of await readdir(folder)) {
      if (name.startsWith(droppedMark)) await rm(join(folder, name), { recursive: true, force: true });
    }
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw fileError(error, "cannot delete the generation", folder);
  }
}
