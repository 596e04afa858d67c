import { randomUUID } from "node:crypto";
import { compareKeys, formOf, heldVector, queryInForm, type Searcher, type Sink } from "@millrace/core";
import { checkBatch, checkQuery, checkSchema, opened } from "../check.js";
import { checkFilters, matchesFilter } from "../filter.js";
import { type GenerationPlace, generationName, joinGeneration } from "../generation.js";
import { rankHits } from "../ranking.js";
import { storeMissing } from "../store-file.js";
import { keepMemoryStore, type MemoryGeneration, memoryStore } from "./stores.js";

/** Points in this process's memory, under a name. The reference for filters, scores and ties. */
export function memorySink({ place, generation }: GenerationPlace): Sink {
  let open: MemoryGeneration | undefined;
  return {
    async open(schema) {
      const store = memoryStore(place);
      const name = generation ?? store.live ?? generationName(schema.fingerprint);
      const existing = store.generations.get(name);
      if (existing !== undefined) checkSchema(existing.schema, schema, `memory:${place}`);
      const identity = existing?.schema.identity ?? randomUUID();
      open = existing ?? { schema: { ...schema, identity }, points: new Map() };
      open.schema = { ...schema, identity };
      store.generations.set(name, open);
      if (generation === undefined) store.live = name;
      keepMemoryStore(place, store);
      return identity;
    },
    async upsert(batch) {
      const { schema, points } = opened(open);
      checkBatch(batch, schema.dimensions);
      batch.records.forEach((record, row) => {
        const vector = batch.vectors.slice(row * schema.dimensions, (row + 1) * schema.dimensions);
        points.set(record.id, { record, vector: heldVector(formOf(schema), vector) });
      });
    },
    async delete(ids) {
      const { points } = opened(open);
      for (const id of ids) points.delete(id);
    },
    async finish() {
      opened(open);
    },
    async close() {
      open = undefined;
    },
  };
}

/** Searches one generation of the memory store, the one that is live at the first call, by comparing every vector. */
export function memorySearcher({ place, generation }: GenerationPlace): Searcher {
  let name = generation;
  const store = () => {
    const { live, generations } = memoryStore(place);
    const existing = generations.get(name ?? live ?? "");
    if (existing === undefined) throw storeMissing(`memory:${joinGeneration({ place, generation })}`);
    name ??= live;
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
      return rankHits(found, queryInForm(formOf(schema), query.vector)).slice(0, Math.max(0, query.top));
    },
    async *scan() {
      yield* [...store().points.values()].sort((a, b) => compareKeys(a.record.id, b.record.id));
    },
    async points(ids) {
      const { points } = store();
      return ids.flatMap((id) => points.get(id) ?? []);
    },
    async close() {
      name = generation;
    },
  };
}
