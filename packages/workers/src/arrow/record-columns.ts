import type { Payload, PointRecord } from "@millrace/core";
import type { Table, Vector } from "apache-arrow";
import { int32Column, utf8Column } from "./columns.js";

/** Columns every file of chunks or vectors has, in this order. */
export const recordColumnNames = [
  "id",
  "corpus",
  "path",
  "document",
  "ordinal",
  "start",
  "end",
  "title",
  "headings",
  "text",
  "payload",
] as const;

/** Records → one Arrow column each; headings and payload are JSON, so that any Arrow reader can show them. */
export function recordColumns(records: readonly PointRecord[]): Record<string, Vector> {
  return {
    id: utf8Column(records.map((record) => record.id)),
    corpus: utf8Column(records.map((record) => record.corpus)),
    path: utf8Column(records.map((record) => record.path)),
    document: utf8Column(records.map((record) => record.document)),
    ordinal: int32Column(records.map((record) => record.ordinal)),
    start: int32Column(records.map((record) => record.start)),
    end: int32Column(records.map((record) => record.end)),
    title: utf8Column(records.map((record) => record.title)),
    headings: utf8Column(records.map((record) => JSON.stringify(record.headings))),
    text: utf8Column(records.map((record) => record.text)),
    payload: utf8Column(records.map((record) => JSON.stringify(record.payload))),
  };
}

/** The records of a table that has the record columns. */
export function recordsOf(table: Table): readonly PointRecord[] {
  const strings = (name: string) => [...(column(table, name) as Iterable<string>)];
  const numbers = (name: string) => [...(column(table, name) as Iterable<number>)];
  const corpus = strings("corpus");
  const path = strings("path");
  const document = strings("document");
  const ordinal = numbers("ordinal");
  const start = numbers("start");
  const end = numbers("end");
  const title = strings("title");
  const headings = strings("headings");
  const text = strings("text");
  const payload = strings("payload");
  return strings("id").map((id, row) => ({
    id,
    corpus: corpus[row] as string,
    path: path[row] as string,
    document: document[row] as string,
    ordinal: ordinal[row] as number,
    start: start[row] as number,
    end: end[row] as number,
    title: title[row] as string,
    headings: JSON.parse(headings[row] as string) as string[],
    text: text[row] as string,
    payload: JSON.parse(payload[row] as string) as Payload,
  }));
}

function column(table: Table, name: string): Vector {
  const found = table.getChild(name);
  if (found === null) throw new Error(`an Arrow file lacks the column ${name}`);
  return found;
}
