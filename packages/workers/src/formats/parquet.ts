import { MillraceError, type OpenObject, type Row, type RowRange } from "@millrace/core";
import type { AsyncBuffer, FileMetaData, RowGroup } from "hyparquet";
import { type Content, collect } from "./content.js";
import { type Fields, keyIn, rowOf } from "./fields.js";
import type { ParseLimits } from "./limits.js";
import { assertPages, compressorsWithin } from "./parquet-guards.js";
import type { ParseOptions, Parser, SurveyOptions } from "./parser.js";

/** Parquet: a row each, one row group in memory at a time, and of it only the columns that are asked for. */
export const parquet: Parser = { name: "parquet", parse, survey };

async function* parse(content: Content, { fields, limits, range }: ParseOptions): AsyncGenerator<Row> {
  if (content.head.length === 0) return;
  const file = await fileOf(content, limits);
  const reader = await openParquet(content.key, file);
  const columns = wantedColumns(reader.columns, fields);
  let row = 0;
  for (const [group, { num_rows }] of reader.metadata.row_groups.entries()) {
    if (range !== undefined && !(row >= range.fromRow && row < range.toRow)) {
      row += Number(num_rows);
      continue;
    }
    for (const values of await readGroup(reader, { group, firstRow: row, columns, limits })) {
      yield rowOf(Object.fromEntries(columns.map((column, index) => [column, values[index]])) as Fields, row, fields);
      row += 1;
    }
  }
}

/** Cuts between row groups, by what the footer says; ids are read from their own column alone. */
async function survey(content: Content, options: SurveyOptions): Promise<readonly RowRange[] | undefined> {
  const { fields, limits, cutter, keys, onProgress } = options;
  if (content.stored === undefined || content.head.length === 0) return undefined;
  const reader = await openParquet(content.key, rangesOf(content.stored));
  const columns = fields.id !== undefined && reader.columns.includes(fields.id) ? [fields.id] : [];
  const at = { row: 0, byte: 0, line: 0 };
  for (const [group, rowGroup] of reader.metadata.row_groups.entries()) {
    onProgress();
    if (cutter.isDueAt(at.row, at.byte)) cutter.cutAt({ ...at });
    for (const [value] of await readGroup(reader, { group, firstRow: at.row, columns, limits })) {
      const key = fields.id === undefined ? undefined : keyIn({ [fields.id]: value }, fields.id);
      if (key !== undefined && !keys.add(key)) return undefined;
    }
    at.row += Number(rowGroup.num_rows);
    at.byte = Math.min(content.stored.bytes, at.byte + storedBytes(rowGroup));
    if (!(at.row >= 0 && at.byte >= 0)) return undefined;
  }
  return cutter.endAt({ ...at, byte: content.stored.bytes });
}

function storedBytes({ columns }: RowGroup): number {
  return columns.reduce((sum, { meta_data }) => sum + Number(meta_data?.total_compressed_size ?? 0), 0);
}

interface ParquetReader {
  readonly key: string;
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly columns: readonly string[];
}

async function openParquet(key: string, file: AsyncBuffer): Promise<ParquetReader> {
  return attempt(key, async () => {
    const { parquetMetadataAsync, parquetSchema } = await import("hyparquet");
    const metadata = await parquetMetadataAsync(file, { geoparquet: false });
    return { key, file, metadata, columns: parquetSchema(metadata).children.map(({ element }) => element.name) };
  });
}

interface GroupToRead {
  readonly group: number;
  readonly firstRow: number;
  readonly columns: readonly string[];
  readonly limits: ParseLimits;
}

/** Rows of one row group, each a list of values in the order of `columns`. */
async function readGroup(
  reader: ParquetReader,
  { group, firstRow, columns, limits }: GroupToRead,
): Promise<unknown[][]> {
  const rowGroup = reader.metadata.row_groups[group];
  if (rowGroup === undefined || columns.length === 0) return [];
  return attempt(reader.key, async () => {
    const { parquetRead } = await import("hyparquet");
    await assertPages(reader.file, rowGroup, { columns, maxBytes: limits.maxObjectBytes });
    let rows: unknown[][] = [];
    await parquetRead({
      file: reader.file,
      metadata: reader.metadata,
      columns: [...columns],
      rowStart: firstRow,
      rowEnd: firstRow + Number(rowGroup.num_rows),
      // Binary columns stay bytes, so that text that is not UTF-8 is seen.
      utf8: false,
      geoparquet: false,
      compressors: await compressorsWithin(limits.maxObjectBytes),
      onComplete: (read) => {
        rows = read as unknown[][];
      },
    });
    if (rows.length !== Number(rowGroup.num_rows)) throw new Error(`row group ${group} has not the rows it says`);
    return rows;
  });
}

/** All columns where the payload wants them, or an error message would name them; else those of the mapping. */
function wantedColumns(
  columns: readonly string[],
  { id, text, title, payload }: ParseOptions["fields"],
): readonly string[] {
  const isEverything = payload.includes("*") || text.length === 0 || !text.some((name) => columns.includes(name));
  const named = new Set([id, title, ...text, ...payload]);
  return isEverything ? columns : columns.filter((column) => named.has(column));
}

/** Ranges of the stored object, or of the whole of it in memory where it was compressed. */
async function fileOf(content: Content, limits: ParseLimits): Promise<AsyncBuffer> {
  if (content.stored !== undefined) return rangesOf(content.stored);
  const bytes = await collect(content, limits.maxObjectBytes);
  return rangesOf({ bytes: bytes.length, read: async (start, end) => bytes.subarray(start, end) });
}

function rangesOf(object: Pick<OpenObject, "bytes" | "read">): AsyncBuffer {
  const { bytes } = object;
  return {
    byteLength: bytes,
    slice: async (start, end = bytes) => {
      if (!(start >= 0 && start <= end && end <= bytes))
        throw new RangeError(`bytes ${start} to ${end} of ${bytes} are named`);
      return Uint8Array.from(await object.read(start, end)).buffer;
    },
  };
}

async function attempt<Result>(key: string, step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw new MillraceError("E_OBJECT_FORMAT", `"${key}" cannot be read as Parquet`, {
      why: String((error as Partial<Error>).message).slice(0, 120),
      fix: "Write it again.",
      cause: error,
    });
  }
}
