import type { Table } from "@lancedb/lancedb";
import type { SearchHit, SearchQuery, StoredPoint, StoreSchema } from "@millrace/core";
import type { RecordBatch } from "apache-arrow";
import { matchesFilter } from "../filter.js";
import { rankHits } from "../ranking.js";
import { pointAt, pointColumns } from "./rows.js";
import { filtersToSql } from "./sql.js";

/** Sums of products in another order may differ by so much. */
const scoreError = 1e-6;

/**
 * Compares every vector of signs with the query's floats: LanceDB only knows how many signs differ. Holds the best hits and
 * one batch of rows; of a row that cannot be among them, only the vector is looked at.
 */
export async function compareSigns(
  table: Table,
  schema: StoreSchema,
  query: SearchQuery,
): Promise<readonly SearchHit[]> {
  const request = table.query().select([...pointColumns]);
  const condition = filtersToSql(query.filters);
  if (condition !== undefined) request.where(condition);
  const scoreOf = signScorer(query.vector);
  let best: readonly (SearchHit & StoredPoint)[] = [];
  for await (const batch of request) {
    const least = best.length < query.top ? Number.NEGATIVE_INFINITY : (best.at(-1)?.score ?? 0);
    const points = rowsAbove(batch, scoreOf, least - scoreError).map((row) => pointAt(batch, row, schema));
    const matching = points.filter(({ record }) => query.filters.every((filter) => matchesFilter(record, filter)));
    best = withVectors([...best, ...matching], query);
  }
  return best.map(({ record, score }) => ({ record, score }));
}

function rowsAbove(batch: RecordBatch, scoreOf: (signs: Uint8Array) => number, least: number): readonly number[] {
  const vectors = batch.getChild("vector");
  const rows = Array.from({ length: batch.numRows }, (_, row) => row);
  return rows.filter((row) => scoreOf(vectors?.get(row).toArray() as Uint8Array) >= least);
}

/** The best of some points, with their vectors, to be ranked again beside others. */
function withVectors(points: readonly StoredPoint[], { vector, top }: SearchQuery): (SearchHit & StoredPoint)[] {
  const byId = new Map(points.map((point) => [point.record.id, point]));
  const hits = rankHits(points, vector).slice(0, top);
  return hits.map((hit) => ({ ...hit, vector: byId.get(hit.record.id)?.vector ?? vector }));
}

/** Cosine of the query and a vector of signs, eight at a time: what each byte adds is known beforehand. */
function signScorer(query: Float32Array): (signs: Uint8Array) => number {
  const bytes = Math.ceil(query.length / 8);
  const sums = new Float64Array(bytes * 256);
  for (let index = 0; index < sums.length; index += 1) {
    const [first, byte] = [(index >>> 8) * 8, index & 255];
    for (let bit = 0; bit < 8; bit += 1) {
      const value = query[first + bit] ?? 0;
      sums[index] = (sums[index] as number) + ((byte >>> (7 - bit)) & 1 ? value : -value);
    }
  }
  const length = Math.hypot(...query) * Math.sqrt(query.length);
  return (signs) => signs.reduce((sum, byte, place) => sum + (sums[place * 256 + byte] as number), 0) / length;
}
