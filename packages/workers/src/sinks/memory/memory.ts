import { randomUUID } from "node:crypto";
import { compareKeys, type Searcher, type Sink, type StoredPoint, type StoredSchema } from "@millrace/core";
import { checkBatch, checkQuery, checkSchema, opened } from "../check.js";
import { checkFilters, matchesFilter } from "../filter.js";
import { rankHits } from "../ranking.js";
import { storeMissing } from "../store-file.js";

interface MemoryStore {
  schema: StoredSchema;
  readonly points: Map<string, StoredPoint>;
}

/** Stores live as long as the process, so that a sink and a searcher of the same name meet. */
const stores = new Map<string, MemoryStore>();

/** Points in this process's memory, under a name. The reference for filters, scores and ties. */
export function memorySink(name: string): Sink {
  let store: MemoryStore | undefined;
  return {
    async open(schema) {
      const existing = stores.get(name);
      if (existing !== undefined) checkSchema(existing.schema, schema, `memory:${name}`);
      const identity = existing?.schema.identity ?? randomUUID();
      store = existing ?? { schema: { ...schema, identity }, points: new Map() };
      store.schema = { ...schema, identity };
      stores.set(name, store);
      return identity;
    },
    async upsert(batch) {
      const { schema, points } = opened(store);
      checkBatch(batch, schema.dimensions);
      batch.records.forEach((record, row) => {
        const vector = batch.vectors.slice(row * schema.dimensions, (row + 1) * schema.dimensions);
        points.set(record.id, { record, vector });
      });
    },
    async delete(ids) {
      const { points } = opened(store);
      for (const id of ids) points.delete(id);
    },
    async finish() {
      opened(store);
    },
    async close() {
      store = undefined;
    },
  };
}

/** Searches the memory store of that name by comparing every vector. */
export function memorySearcher(name: string): Searcher {
  const store = () => {
    const existing = stores.get(name);
    if (existing === undefined) throw storeMissing(`memory:${name}`);
    return existing;
  };
  return {
    schema: async () => store().schema,
    count: async () => store().points.size,
    async search(query) {
      const { schema, points } = store();
      checkQuery(query, schema);
      checkFilters(query.filters);
      const found = [...points.values()].filter(({ record }) => {
        return query.filters.every((filter) => matchesFilter(record, filter));
      });
      return rankHits(found, query.vector).slice(0, Math.max(0, query.top));
    },
    async *scan() {
      yield* [...store().points.values()].sort((a, b) => compareKeys(a.record.id, b.record.id));
    },
    close: async () => undefined,
  };
}
