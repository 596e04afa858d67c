import type { FileHandle } from "node:fs/promises";
import {
  formOf,
  fromHalves,
  type HeldNumbers,
  type Payload,
  type PointBatch,
  packVectors,
  type StoreSchema,
  unpackVector,
  type VectorForm,
  type VectorPrecision,
} from "@millrace/core";
import type { SchemaElement } from "hyparquet";
import { type HeldPoint, heldPoints, type PartFormat, type Row, type Rows } from "./part-format.js";

/** Rows in one group: what a reader must decode at once, and what a writer encodes without a pause, some 50 ms. */
const rowsPerGroup = 512;

const text = (name: string): SchemaElement => {
  return { name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" };
};
const integer = (name: string): SchemaElement => ({ name, type: "INT32", repetition_type: "REQUIRED" });
const list = (name: string, element: SchemaElement): readonly SchemaElement[] => [
  { name, repetition_type: "REQUIRED", num_children: 1, converted_type: "LIST" },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  element,
];

/** What the column `vector` is a list of: the narrowest type that Parquet has for it. */
const numberTypes: Readonly<Record<VectorPrecision, Omit<SchemaElement, "name">>> = {
  float32: { type: "FLOAT" },
  float16: { type: "FIXED_LEN_BYTE_ARRAY", type_length: 2, logical_type: { type: "FLOAT16" } },
  int8: { type: "INT32", converted_type: "INT_8" },
  binary: { type: "INT32", converted_type: "UINT_8" },
};

/** Columns as in a LanceDB store; `payload` is JSON. */
const columnsIn = ({ precision }: VectorForm): SchemaElement[] => [
  { name: "schema", num_children: 12 },
  text("id"),
  text("corpus"),
  text("path"),
  text("document"),
  integer("ordinal"),
  integer("start"),
  integer("end"),
  text("title"),
  ...list("headings", text("element")),
  text("text"),
  text("payload"),
  ...list("vector", { name: "element", ...numberTypes[precision], repetition_type: "REQUIRED" }),
];

/** Apache Parquet. A row's content is its record, with its vector's numbers as the file has them. */
export const parquetFormat: PartFormat<ParquetPoint> = {
  name: "parquet",
  *encode(batch: PointBatch, schema: StoreSchema) {
    for (const { record, held } of heldPoints(batch, schema)) {
      yield { id: record.id, content: { record, numbers: held instanceof Uint16Array ? fromHalves(held) : held } };
    }
  },
  decode: ({ content: { record, numbers } }, schema) => {
    const [form, { dimensions }] = [formOf(schema), schema];
    const held = form.precision === "float16" ? packVectors(form, Float32Array.from(numbers), dimensions) : numbers;
    return { record, vector: unpackVector(form, held, dimensions) };
  },
  write: writeFile,
  async *read(path) {
    for await (const group of rowGroups(path)) yield* group.map(objectToRow);
  },
  async *readIds(path) {
    for await (const group of rowGroups(path, ["id"])) for (const { id } of group) yield id;
  },
};

interface ParquetPoint extends Pick<HeldPoint, "record"> {
  /** Halves as floats. */
  readonly numbers: HeldNumbers;
}

async function writeFile(file: FileHandle, rows: Rows<ParquetPoint>, schema: StoreSchema): Promise<void> {
  const { ByteWriter, ParquetWriter } = await import("hyparquet-writer");
  const bytes = new ByteWriter();
  const writer = new ParquetWriter({ writer: bytes, schema: columnsIn(formOf(schema)), createdBy: "millrace" });
  const flush = async () => {
    await file.writeFile(bytes.getBytes());
    bytes.index = 0;
  };
  let group: ParquetPoint[] = [];
  const writeGroup = async () => {
    await writer.write({ columnData: columnsOf(group), rowGroupSize: rowsPerGroup });
    await flush();
    group = [];
  };
  for await (const { content } of rows) {
    group.push(content);
    if (group.length === rowsPerGroup) await writeGroup();
  }
  if (group.length > 0) await writeGroup();
  await writer.finish();
  await flush();
}

/** Vectors and texts are hardly ever equal: a dictionary, statistics or compressing floats would only cost time. */
function columnsOf(points: readonly ParquetPoint[]) {
  const records = points.map(({ record }) => record);
  return [
    { name: "id", data: records.map(({ id }) => id), encoding: "PLAIN" as const },
    { name: "corpus", data: records.map(({ corpus }) => corpus) },
    { name: "path", data: records.map(({ path }) => path) },
    { name: "document", data: records.map(({ document }) => document) },
    { name: "ordinal", data: records.map(({ ordinal }) => ordinal) },
    { name: "start", data: records.map(({ start }) => start) },
    { name: "end", data: records.map(({ end }) => end) },
    { name: "title", data: records.map(({ title }) => title) },
    { name: "headings", data: records.map(({ headings }) => headings as string[]) },
    { name: "text", data: records.map(({ text }) => text), encoding: "PLAIN" as const, statistics: false },
    { name: "payload", data: records.map(({ payload }) => JSON.stringify(payload)) },
    {
      name: "vector",
      data: points.map(({ numbers }) => Array.from(numbers)),
      encoding: "PLAIN" as const,
      codec: "UNCOMPRESSED" as const,
      statistics: false,
    },
  ];
}

/** A row as hyparquet gives it. */
interface ParquetObject {
  readonly id: string;
  readonly corpus: string;
  readonly path: string;
  readonly document: string;
  readonly ordinal: number;
  readonly start: number;
  readonly end: number;
  readonly title: string;
  readonly headings: readonly string[];
  readonly text: string;
  readonly payload: string;
  readonly vector: readonly number[];
}

async function* rowGroups(path: string, columns?: string[]): AsyncGenerator<readonly ParquetObject[]> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import("hyparquet");
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  let rowStart = 0;
  for (const { num_rows } of metadata.row_groups) {
    const rowEnd = rowStart + Number(num_rows);
    const options = { file, metadata, rowStart, rowEnd, ...(columns === undefined ? {} : { columns }) };
    yield (await parquetReadObjects(options)) as unknown as readonly ParquetObject[];
    rowStart = rowEnd;
  }
}

function objectToRow({ vector, payload, headings, ...fields }: ParquetObject): Row<ParquetPoint> {
  const record = { ...fields, headings: [...headings], payload: JSON.parse(payload) as Payload };
  return { id: record.id, content: { record, numbers: Float32Array.from(vector) } };
}
