import type { Connection, Table } from "@lancedb/lancedb";
import {
  compareKeys,
  formOf,
  inPieces,
  queryInForm,
  type Searcher,
  type SearchHit,
  type SearchQuery,
  type StoredPoint,
  type StoreSchema,
  signsOf,
} from "@millrace/core";
import { checkQuery } from "../check.js";
import { checkFilters, matchesFilter } from "../filter.js";
import { candidatesFor, mostOfUnseen, rankHits } from "../ranking.js";
import { storeMissing } from "../store-file.js";
import { foundIn, type LanceGeneration, nameOf, readCatalog } from "./catalog.js";
import { compareSigns } from "./compare-signs.js";
import { guarded, isCompactedAway } from "./errors.js";
import { distanceIn } from "./maintenance.js";
import { hasTable, type LancePlace } from "./place.js";
import { batchToPoints, pointColumns } from "./rows.js";
import { filtersToSql, quoted } from "./sql.js";
import { loadVendor } from "./vendor.js";

/** Partitions of the vector index that a query looks into. */
const probedPartitions = 32;

/** Points read at once by `scan`. */
const pointsPerPage = 512;

interface Reader {
  readonly connection: Connection;
  readonly table: Table;
}

/** Searches one generation of the store, the one that is live at the first call; sees it as it is then, also while it is written. */
export function lanceSearcher(place: LancePlace): Searcher {
  const { folder } = place;
  let generation = place.generation;
  let reader: Promise<Reader> | undefined;
  const stored = async () => {
    const catalog = await readCatalog(folder);
    const found = foundIn(catalog, generation ?? catalog.live, place);
    generation ??= catalog.live;
    return found;
  };
  const tableOf = async ({ table }: LanceGeneration) => {
    reader ??= openReader(folder, table).catch((error: unknown) => {
      reader = undefined;
      throw error;
    });
    return (await reader).table;
  };
  return {
    async schema() {
      const { schema, table } = await stored();
      if (!hasTable(folder, table)) throw storeMissing(nameOf(place));
      return schema;
    },
    count: () => guarded("cannot count points", folder, async () => (await tableOf(await stored())).countRows()),
    async search(query) {
      const found = await stored();
      checkQuery(query, found.schema);
      checkFilters(query.filters);
      if (query.top <= 0) return [];
      const search = async () => searchTable(await tableOf(found), found.schema, query);
      const attempt = () => guarded("cannot search the store", folder, search);
      return attempt().catch((error: unknown) => {
        if (isCompactedAway(error)) return attempt();
        throw error;
      });
    },
    scan: () => readApart(folder, stored, (table, schema) => scanTable(folder, table, schema)),
    ids: (corpus) => readApart(folder, stored, (table) => corpusIds(folder, table, corpus)),
    points: (ids) =>
      guarded("cannot read the store", folder, async () => {
        const found = await stored();
        return pointsById(await tableOf(found), found.schema, ids);
      }),
    async close() {
      const open = await reader?.catch(() => undefined);
      open?.table.close();
      open?.connection.close();
      reader = undefined;
      generation = place.generation;
    },
  };
}

async function openReader(folder: string, table: string): Promise<Reader> {
  const connection = await loadVendor().lancedb.connect(folder, { readConsistencyInterval: 0 });
  return { connection, table: await connection.openTable(table) };
}

/**
 * Asks for more rows until no row that was not returned could be among the best: LanceDB breaks ties as it likes, and
 * conditions on the payload are only decided here. An index that finds too few is passed by.
 */
async function searchTable(
  table: Table,
  schema: StoreSchema,
  { vector, ...request }: SearchQuery,
): Promise<readonly SearchHit[]> {
  const form = formOf(schema);
  const query = { ...request, vector: queryInForm(form, vector) };
  if (form.precision === "binary" && query.isExact === true) return compareSigns(table, schema, query);
  let bypassIndex = query.isExact === true || (await table.listIndices()).length === 0;
  for (let limit = candidatesFor(form, query); ; limit *= 4) {
    const { points, farthest } = await nearest({ table, schema, query, limit, bypassIndex });
    const matching = points.filter(({ record }) => query.filters.every((filter) => matchesFilter(record, filter)));
    const hits = rankHits(matching, query.vector);
    const last = hits[query.top - 1];
    const isExhausted = points.length < limit;
    if (last !== undefined && (isExhausted || mostOfUnseen(form, farthest) < last.score))
      return hits.slice(0, query.top);
    if (isExhausted && bypassIndex) return hits;
    bypassIndex ||= isExhausted;
  }
}

interface NearestRequest {
  readonly table: Table;
  readonly schema: StoreSchema;
  readonly query: SearchQuery;
  readonly limit: number;
  readonly bypassIndex: boolean;
}

async function nearest({ table, schema, query, limit, bypassIndex }: NearestRequest) {
  const distance = distanceIn(schema);
  const vector = distance === "hamming" ? signsOf(query.vector) : query.vector;
  const nearest = table.query().nearestTo(vector).column("vector");
  // The client's types know no hamming distance for queries; it hands any name on, and the engine knows it.
  const request = nearest.distanceType(distance as "cosine").limit(limit);
  // Without `_distance` among the columns LanceDB prints a warning.
  request.select([...pointColumns, "_distance"]).nprobes(probedPartitions);
  const condition = filtersToSql(query.filters);
  if (condition !== undefined) request.where(condition);
  if (bypassIndex) request.bypassVectorIndex();
  const points: StoredPoint[] = [];
  let farthest = 0;
  for await (const batch of request) {
    points.push(...batchToPoints(batch, schema));
    for (const distance of batch.getChild("_distance") ?? []) farthest = Math.max(farthest, distance as number);
  }
  return { points, farthest };
}

/** Reads with a reader of its own, so that one version of the table can be read from beginning to end. */
async function* readApart<Item>(
  folder: string,
  stored: () => Promise<LanceGeneration>,
  read: (table: Table, schema: StoreSchema) => AsyncIterable<Item>,
): AsyncGenerator<Item> {
  const generation = await stored();
  const { connection, table } = await guarded("cannot open the store", folder, () =>
    openReader(folder, generation.table),
  );
  try {
    yield* read(table, generation.schema);
  } finally {
    table.close();
    connection.close();
  }
}

/** Every point, by id. Holds the ids and one page of points. */
async function* scanTable(folder: string, table: Table, schema: StoreSchema): AsyncGenerator<StoredPoint> {
  const rows = await guarded("cannot read the store", folder, () => sortedRows(table));
  for (let start = 0; start < rows.length; start += pointsPerPage) {
    const rowIds = rows.slice(start, start + pointsPerPage).map(({ rowId }) => rowId);
    yield* await guarded("cannot read the store", folder, () => readPage(table, schema, rowIds));
  }
}

/** Holds one batch of ids. */
async function* corpusIds(folder: string, table: Table, corpus: string): AsyncGenerator<readonly string[]> {
  await table.checkout(await table.version());
  const batches = table
    .query()
    .where(`corpus = ${quoted(corpus)}`)
    .select(["id"])
    [Symbol.asyncIterator]();
  for (;;) {
    const next = await guarded("cannot read the store", folder, () => batches.next());
    if (next.done) return;
    yield [...(next.value.getChild("id") ?? [])] as string[];
  }
}

async function pointsById(table: Table, schema: StoreSchema, ids: readonly string[]): Promise<readonly StoredPoint[]> {
  const points: StoredPoint[] = [];
  for (const piece of inPieces(ids, pointsPerPage)) {
    const query = table.query().where(`id IN (${piece.map(quoted).join(", ")})`);
    for await (const batch of query.select([...pointColumns])) points.push(...batchToPoints(batch, schema));
  }
  return points;
}

async function sortedRows(table: Table): Promise<{ readonly id: string; readonly rowId: bigint }[]> {
  await table.checkout(await table.version());
  const rows: { id: string; rowId: bigint }[] = [];
  for await (const batch of table.query().select(["id"]).withRowId()) {
    const ids = batch.getChild("id");
    const rowIds = batch.getChild("_rowid");
    for (let row = 0; row < batch.numRows; row += 1) rows.push({ id: ids?.get(row), rowId: rowIds?.get(row) });
  }
  return rows.sort((a, b) => compareKeys(a.id, b.id));
}

async function readPage(table: Table, schema: StoreSchema, rowIds: readonly bigint[]): Promise<readonly StoredPoint[]> {
  const points: StoredPoint[] = [];
  for await (const batch of table.takeRowIds(rowIds).select([...pointColumns]))
    points.push(...batchToPoints(batch, schema));
  return points.sort((a, b) => compareKeys(a.record.id, b.record.id));
}
