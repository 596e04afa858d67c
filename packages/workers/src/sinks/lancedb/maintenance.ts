import type { Table } from "@lancedb/lancedb";
import { formOf, type StoreSchema } from "@millrace/core";
import { loadVendor } from "./vendor.js";

/**
 * Each write adds a fragment and a version that lists all fragments. 512 of them cost 8 MB of versions; compacting more
 * often costs more than it saves, as each time up to a million rows are written again.
 */
export const writesBetweenCompactions = 512;

/** Fewer small fragments than this are left alone, so that refreshing a few files does not rewrite the store. */
const toleratedFragments = 16;

/** Share of rows replaced or deleted since the store was opened from which their space is worth reclaiming. */
const toleratedDeletedShare = 0.1;

/** Comparing every vector takes half a second for this many rows of 384 dimensions on two busy cores, and is exact. */
const rowsWorthIndexing = 200_000;

/**
 * Partitions of the vector index for each square root of rows. At 200,000 rows these are 224, of which a query looks
 * into 32: recall of the first ten 0.98 to 0.99, a third of the time. Twice as many take twice as long to build.
 */
const partitionsPerRoot = 0.5;

/** What is known of a table that is being written. */
export interface WrittenTable {
  readonly table: Table;
  readonly schema: StoreSchema;
  /** Fragments added since the table was opened. */
  readonly writes: number;
  /** Rows replaced or deleted since the last compaction. */
  deleted: number;
}

/** Compacts where that pays, and builds the vector index once the table is large enough to need one. */
export async function compactAfterJob(written: WrittenTable): Promise<void> {
  const { table, schema } = written;
  const rows = await table.countRows();
  const { numSmallFragments } = (await table.stats()).fragmentStats;
  const indices = await table.listIndices();
  if (numSmallFragments >= toleratedFragments || written.deleted > rows * toleratedDeletedShare)
    await compactNow(written);
  if (rows >= rowsWorthIndexing && indices.length === 0) await indexVectors(table, rows, distanceIn(schema));
}

/** Rewrites small fragments as large ones, adds what is new to the index, and removes old versions with their files. */
export async function compactNow(written: WrittenTable): Promise<void> {
  await written.table.optimize({ cleanupOlderThan: new Date() });
  written.deleted = 0;
}

/** Partitions of whole vectors: scores stay exact, only what is looked at shrinks. */
async function indexVectors(table: Table, rows: number, distanceType: "cosine" | "hamming"): Promise<void> {
  const numPartitions = Math.round(Math.sqrt(rows) * partitionsPerRoot);
  const config = loadVendor().lancedb.Index.ivfFlat({ distanceType, numPartitions });
  await table.createIndex("vector", { config });
}

/** What LanceDB compares a store's vectors by: for signs, how many of them differ. */
export function distanceIn(schema: StoreSchema): "cosine" | "hamming" {
  return formOf(schema).precision === "binary" ? "hamming" : "cosine";
}
