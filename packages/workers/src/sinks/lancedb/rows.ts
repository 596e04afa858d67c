import {
  formOf,
  type HeldNumbers,
  heldLength,
  type Payload,
  type PointBatch,
  type PointRecord,
  packVectors,
  type StoredPoint,
  type StoreSchema,
  unpackVector,
} from "@millrace/core";
import type { Data, DataType, Field, FixedSizeList, List, RecordBatch, Schema, Table, Utf8 } from "apache-arrow";
import type { Vendor } from "./vendor.js";

type Arrow = Vendor["arrow"];

/** Columns of the table `points`, in order. `payload` is JSON; a list's items are nullable because Lance wants that. */
export function pointsSchema(arrow: Arrow, store: StoreSchema): Schema {
  const text = new arrow.Utf8();
  const integer = new arrow.Int32();
  const vector = vectorType(arrow, store);
  const headings = new arrow.List(new arrow.Field("item", text, true));
  const columns: readonly (readonly [string, DataType])[] = [
    ["id", text],
    ["vector", vector],
    ["corpus", text],
    ["path", text],
    ["document", text],
    ["ordinal", integer],
    ["start", integer],
    ["end", integer],
    ["title", text],
    ["headings", headings],
    ["text", text],
    ["payload", text],
  ];
  return new arrow.Schema(columns.map(([name, type]) => new arrow.Field(name, type, false)));
}

/** Signs are bytes of eight, which LanceDB compares bit by bit. */
function vectorType(arrow: Arrow, store: StoreSchema): FixedSizeList {
  const form = formOf(store);
  const numbers = { float32: arrow.Float32, float16: arrow.Float16, int8: arrow.Int8, binary: arrow.Uint8 };
  const item = new arrow.Field("item", new numbers[form.precision](), true);
  return new arrow.FixedSizeList(heldLength(form, store.dimensions), item);
}

/** Names of the columns that make a point. */
export const pointColumns = [
  "id",
  "vector",
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

/** Where points are written: the columns are those of `pointsSchema`. */
export interface PointColumns {
  readonly columns: Schema;
  readonly schema: StoreSchema;
}

/** One record batch for the points; the memory of float32 vectors is used as it is. */
export function pointsToTable(arrow: Arrow, target: PointColumns, { records, vectors }: PointBatch): Table {
  const schema = target.columns;
  const held = packVectors(formOf(target.schema), vectors, target.schema.dimensions);
  const texts = (pick: (record: PointRecord) => string) => textColumn(arrow, records.map(pick));
  const integers = (pick: (record: PointRecord) => number) => {
    return arrow.makeData({ type: new arrow.Int32(), data: Int32Array.from(records, pick) });
  };
  const columns: Record<(typeof pointColumns)[number], Data> = {
    id: texts(({ id }) => id),
    vector: vectorColumn(arrow, typeOf<FixedSizeList>(schema, "vector"), held),
    corpus: texts(({ corpus }) => corpus),
    path: texts(({ path }) => path),
    document: texts(({ document }) => document),
    ordinal: integers(({ ordinal }) => ordinal),
    start: integers(({ start }) => start),
    end: integers(({ end }) => end),
    title: texts(({ title }) => title),
    headings: listColumn(
      arrow,
      typeOf<List<Utf8>>(schema, "headings"),
      records.map(({ headings }) => headings),
    ),
    text: texts(({ text }) => text),
    payload: texts(({ payload }) => JSON.stringify(payload)),
  };
  const type = new arrow.Struct(schema.fields as Field[]);
  const children = pointColumns.map((name) => columns[name]);
  const data = arrow.makeData({ type, length: records.length, nullCount: 0, children });
  return new arrow.Table(schema, [new arrow.RecordBatch(schema, data)]);
}

/** Points of a record batch that has all of `pointColumns`. */
export function batchToPoints(batch: RecordBatch, schema: StoreSchema): StoredPoint[] {
  return Array.from({ length: batch.numRows }, (_, row) => pointAt(batch, row, schema));
}

/** One of them. */
export function pointAt(batch: RecordBatch, row: number, schema: StoreSchema): StoredPoint {
  const held = batch.getChild("vector")?.get(row).toArray() as HeldNumbers;
  return { record: recordAt(batch, row), vector: unpackVector(formOf(schema), held, schema.dimensions) };
}

function recordAt(batch: RecordBatch, row: number): PointRecord {
  const value = (name: string) => batch.getChild(name)?.get(row);
  return {
    id: value("id") as string,
    corpus: value("corpus") as string,
    path: value("path") as string,
    document: value("document") as string,
    ordinal: value("ordinal") as number,
    start: value("start") as number,
    end: value("end") as number,
    title: value("title") as string,
    headings: [...(value("headings") as Iterable<string>)],
    text: value("text") as string,
    payload: JSON.parse(value("payload") as string) as Payload,
  };
}

function typeOf<Type extends DataType>(schema: Schema, name: string): Type {
  return schema.fields.find((field) => field.name === name)?.type as Type;
}

/** All texts are encoded in one go; each one's bytes are counted from its text. */
function textColumn(arrow: Arrow, texts: readonly string[]): Data<Utf8> {
  const valueOffsets = new Int32Array(texts.length + 1);
  texts.forEach((text, row) => {
    valueOffsets[row + 1] = (valueOffsets[row] as number) + Buffer.byteLength(text);
  });
  const data = Buffer.from(texts.join(""));
  return arrow.makeData({ type: new arrow.Utf8(), length: texts.length, nullCount: 0, valueOffsets, data });
}

function vectorColumn(arrow: Arrow, type: FixedSizeList, data: HeldNumbers): Data {
  const child = arrow.makeData({ type: type.valueType, length: data.length, nullCount: 0, data });
  return arrow.makeData({ type, length: data.length / type.listSize, nullCount: 0, child });
}

function listColumn(arrow: Arrow, type: List<Utf8>, lists: readonly (readonly string[])[]): Data {
  const valueOffsets = new Int32Array(lists.length + 1);
  lists.forEach((list, row) => {
    valueOffsets[row + 1] = (valueOffsets[row] as number) + list.length;
  });
  const child = textColumn(arrow, lists.flat());
  return arrow.makeData({ type, length: lists.length, nullCount: 0, valueOffsets, child });
}
