import type { PointBatch } from "@millrace/core";
import { type FixedSizeList, type Float32, Table, tableFromIPC, tableToIPC, type Vector } from "apache-arrow";
import { vectorColumn, vectorValues } from "./columns.js";
import { recordColumnNames, recordColumns, recordsOf } from "./record-columns.js";

/** The batch's own columns plus `vector`: self-contained, so it can be loaded into any store later. */
export function encodeVectorsFile(batch: Table, vectors: Float32Array, dimensions: number): Uint8Array {
  const columns = Object.fromEntries(recordColumnNames.map((name) => [name, batch.getChild(name) as Vector]));
  return tableToIPC(new Table({ ...columns, vector: vectorColumn(vectors, dimensions) }), "file");
}

export function openVectorsFile(bytes: Uint8Array): PointBatch {
  const table = tableFromIPC(bytes);
  return {
    records: recordsOf(table),
    vectors: vectorValues(table.getChild("vector") as Vector<FixedSizeList<Float32>>),
  };
}

/** The table of a batch without some of its rows. */
export function withoutRows(batch: Table, rows: { has(row: number): boolean }): Table {
  const kept = recordsOf(batch).filter((_, row) => !rows.has(row));
  return new Table(recordColumns(kept));
}
