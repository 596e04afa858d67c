import {
  compareKeys,
  formOf,
  inPieces,
  queryInForm,
  type Searcher,
  type SearchHit,
  type SearchQuery,
  type StoredPoint,
  type VectorForm,
} from "@millrace/core";
import { asUuid } from "../../identity/point-id.js";
import { checkQuery } from "../check.js";
import { checkFilters, matchesFilter } from "../filter.js";
import { candidatesFor, mostOfUnseen, rankHits } from "../ranking.js";
import { connectQdrant, type QdrantConnection, type QdrantOptions } from "./client.js";
import { toQdrantFilter } from "./conditions.js";
import { findGeneration } from "./generation.js";
import { type AnsweredPoint, fromQdrantPoint, vectorName } from "./payload.js";
import type { QdrantStore } from "./place.js";
import { readStorePoint, withoutStorePoint } from "./store-point.js";

const pointsPerPage = 256;
const idsPerPage = 4096;

/** Searches one generation of a store, the one that is live at the first call; sees it as it is then. */
export function qdrantSearcher({ place, generation }: QdrantStore, options: QdrantOptions = {}): Searcher {
  const connection = connectQdrant(place, options);
  let found: QdrantConnection | undefined;
  const stored = async () => {
    const collection = found ?? (await findGeneration(connection, generation));
    const schema = await readStorePoint(collection);
    found = collection;
    return { collection, schema };
  };
  return {
    schema: async () => (await stored()).schema,
    async count() {
      return countPoints((await stored()).collection);
    },
    async search(query) {
      const { collection, schema } = await stored();
      checkQuery(query, schema);
      checkFilters(query.filters);
      const form = formOf(schema);
      const wanted = { ...query, vector: queryInForm(form, query.vector) };
      return query.top <= 0 ? [] : searchPoints(collection, form, wanted);
    },
    async *scan() {
      yield* scanPoints((await stored()).collection);
    },
    async close() {
      found = undefined;
    },
    async *ids(corpus) {
      const { collection } = await stored();
      const must = [{ key: "corpus", match: { value: corpus } }];
      for await (const page of scroll(collection, ["id"], must)) yield page.map(recordId);
    },
    async points(ids) {
      const { collection } = await stored();
      const pages: StoredPoint[] = [];
      for (const piece of inPieces(ids, pointsPerPage)) pages.push(...(await retrieve(collection, piece)));
      return pages;
    },
  };
}

/**
 * Asks for more points until none that was not returned could be among the best: Qdrant breaks ties as it likes, and
 * decides only some conditions. Where the index finds too few, every vector is compared.
 */
async function searchPoints(
  connection: QdrantConnection,
  form: VectorForm,
  query: SearchQuery,
): Promise<readonly SearchHit[]> {
  let isExact = query.isExact ?? false;
  for (let limit = candidatesFor(form, query); ; limit *= 4) {
    const { points, lowest } = await nearest(connection, { query, limit, isExact });
    const matching = points.filter(({ record }) => query.filters.every((filter) => matchesFilter(record, filter)));
    const hits = rankHits(matching, query.vector);
    const last = hits[query.top - 1];
    const isExhausted = points.length < limit;
    if (last !== undefined && (isExhausted || mostOfUnseen(form, 1 - lowest) < last.score))
      return hits.slice(0, query.top);
    if (isExhausted && isExact) return hits;
    isExact ||= isExhausted;
  }
}

interface NearestRequest {
  readonly query: SearchQuery;
  readonly limit: number;
  readonly isExact: boolean;
}

async function nearest(connection: QdrantConnection, { query, limit, isExact }: NearestRequest) {
  const filter = toQdrantFilter(query.filters);
  const request = {
    query: Array.from(query.vector),
    using: vectorName,
    limit,
    with_payload: true,
    with_vector: true,
    // Of quantized vectors only the candidates come; whole ones score them.
    params: { exact: isExact, quantization: { rescore: true, oversampling: 2 } },
    ...(filter === undefined ? {} : { filter }),
  };
  const { points } = await connection.read("cannot search the store", (client, collection) =>
    client.query(collection, request),
  );
  const lowest = points.reduce((least, { score }) => Math.min(least, score), 1);
  return { points: points.map(fromQdrantPoint), lowest };
}

async function countPoints(connection: QdrantConnection, filter: object = withoutStorePoint): Promise<number> {
  const answer = await connection.read("cannot count points", (client, collection) =>
    client.count(collection, { exact: true, filter }),
  );
  return answer.count;
}

/** Qdrant scrolls in the order of its own ids, which is that of the records' where all of those are UUIDs. */
async function* scanPoints(connection: QdrantConnection): AsyncGenerator<StoredPoint> {
  const withOtherIds = { must_not: [...withoutStorePoint.must_not, { is_empty: { key: "id" } }] };
  if ((await countPoints(connection, withOtherIds)) === 0) {
    for await (const page of scroll(connection, true)) yield* page.map(fromQdrantPoint);
    return;
  }
  const ids: string[] = [];
  for await (const page of scroll(connection, ["id"])) {
    ids.push(...page.map(recordId));
  }
  for (const piece of inPieces(ids.sort(compareKeys), pointsPerPage)) yield* await retrieve(connection, piece);
}

function recordId({ id, payload }: AnsweredPoint): string {
  return (payload?.id as string | undefined) ?? String(id);
}

async function* scroll(connection: QdrantConnection, fields: true | string[], must: object[] = []) {
  const isWhole = fields === true;
  const filter = must.length === 0 ? withoutStorePoint : { ...withoutStorePoint, must };
  const request = { filter, with_payload: fields, with_vector: isWhole };
  let offset: string | number | undefined;
  do {
    const at = { ...request, limit: isWhole ? pointsPerPage : idsPerPage, ...(offset === undefined ? {} : { offset }) };
    const { points, next_page_offset } = await connection.read("cannot read the store", (client, collection) =>
      client.scroll(collection, at),
    );
    yield points;
    offset = (next_page_offset ?? undefined) as string | number | undefined;
  } while (offset !== undefined);
}

async function retrieve(connection: QdrantConnection, ids: readonly string[]): Promise<StoredPoint[]> {
  const request = { ids: ids.map(asUuid), with_payload: true, with_vector: true };
  const points = await connection.read("cannot read the store", (client, collection) =>
    client.retrieve(collection, request),
  );
  return points.map(fromQdrantPoint).sort((a, b) => compareKeys(a.record.id, b.record.id));
}
