import type { PointRecord } from "@millrace/core";
import { type Int32, type List, Table, tableFromIPC, tableToIPC, type Vector } from "apache-arrow";
import { int32ListColumn, int32Lists } from "./columns.js";
import { recordColumns } from "./record-columns.js";

/** One chunk on its way to the encoder: what its point will hold, and the token ids, special tokens included. */
export interface BatchRow {
  readonly record: PointRecord;
  readonly tokenIds: Int32Array;
}

/** Rows → an Arrow file: the record columns and `token_ids: List<Int32>`. */
export function encodeBatchFile(rows: readonly BatchRow[]): Uint8Array {
  const table = new Table({
    ...recordColumns(rows.map((row) => row.record)),
    token_ids: int32ListColumn(rows.map((row) => row.tokenIds)),
  });
  return tableToIPC(table, "file");
}

export interface OpenBatch {
  readonly table: Table;
  /** One row's ids each, as views into the file's bytes. */
  readonly tokenIds: readonly Int32Array[];
}

export function openBatchFile(bytes: Uint8Array): OpenBatch {
  const table = tableFromIPC(bytes);
  return { table, tokenIds: int32Lists(table.getChild("token_ids") as Vector<List<Int32>>) };
}
