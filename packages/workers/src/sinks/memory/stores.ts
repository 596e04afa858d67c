import type { Generations, StoredPoint, StoredSchema } from "@millrace/core";
import { byName, generationIsLive, generationMissing } from "../generation.js";

export interface MemoryStore {
  live: string | undefined;
  readonly generations: Map<string, MemoryGeneration>;
}

export interface MemoryGeneration {
  schema: StoredSchema;
  readonly points: Map<string, StoredPoint>;
}

/** Stores live as long as the process, so that a sink and a searcher of the same name meet. */
const stores = new Map<string, MemoryStore>();

/** The store of that name; one that was not there is empty and not kept. */
export function memoryStore(name: string): MemoryStore {
  return stores.get(name) ?? { live: undefined, generations: new Map() };
}

export function keepMemoryStore(name: string, store: MemoryStore): void {
  stores.set(name, store);
}

/** The generations of a store in memory. */
export function memoryGenerations(name: string): Generations {
  return {
    async list() {
      const { live, generations } = memoryStore(name);
      return byName([...generations].map(([name, { schema }]) => ({ name, schema, isLive: name === live })));
    },
    async promote(generation) {
      const store = memoryStore(name);
      if (!store.generations.has(generation)) throw generationMissing(`memory:${name}`, generation);
      store.live = generation;
    },
    async drop(generation) {
      const store = memoryStore(name);
      if (store.live === generation) throw generationIsLive(`memory:${name}`, generation);
      store.generations.delete(generation);
    },
    close: async () => undefined,
  };
}
