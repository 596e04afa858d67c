import type { AsyncBuffer, Compressors, RowGroup } from "hyparquet";

/** Values of one column in one row group beyond which a file is refused; writers make groups of a million at most. */
const maxValues = 2 ** 24;

/**
 * Walks the page headers of a row group before it is decoded. The library makes room for as many values as a header
 * says and steps over as many bytes, so a damaged one would cost gigabytes or never end.
 * @throws Error naming what is wrong
 */
export async function assertPages(file: AsyncBuffer, rowGroup: RowGroup, { columns, maxBytes }: Asked): Promise<void> {
  if (Number(rowGroup.num_rows) > maxValues) throw new Error(`a row group has more than ${maxValues} rows`);
  const { parquetHeader } = await import("hyparquet/src/column.js");
  for (const { meta_data: column } of rowGroup.columns) {
    if (column === undefined) throw new Error("a column has no metadata");
    if (!columns.includes(column.path_in_schema[0] ?? "")) continue;
    const start = Number(column.dictionary_page_offset || column.data_page_offset);
    const bytes = Number(column.total_compressed_size);
    if (!(column.num_values <= maxValues && bytes <= maxBytes)) throw new Error("a column is larger than the limit");
    const view = new DataView(await file.slice(start, start + bytes));
    const reader = { view, offset: 0 };
    let values = 0;
    while (reader.offset < view.byteLength - 1) {
      const page = parquetHeader(reader);
      const count = page.data_page_header?.num_values ?? page.data_page_header_v2?.num_values ?? 0;
      const entries = page.dictionary_page_header?.num_values ?? 0;
      const isSound =
        isCount(page.compressed_page_size, view.byteLength - reader.offset) &&
        isCount(page.uncompressed_page_size, maxBytes) &&
        isCount(count, Number(column.num_values)) &&
        isCount(entries, page.uncompressed_page_size);
      if (!isSound) throw new Error("a page header is damaged");
      values += count;
      reader.offset += page.compressed_page_size;
    }
    if (values > Number(column.num_values)) throw new Error("a column has more values than it says");
  }
}

/** The columns that will be decoded, and how large one of their pages may become. */
interface Asked {
  readonly columns: readonly string[];
  readonly maxBytes: number;
}

/** The library's decompressors, none of them making more than `maxBytes`. */
export async function compressorsWithin(maxBytes: number): Promise<Compressors> {
  const { compressors } = await import("hyparquet-compressors");
  return Object.fromEntries(
    Object.entries(compressors).map(([codec, decompress]) => [
      codec,
      (input: Uint8Array, outputLength: number) => {
        if (!isCount(outputLength, maxBytes)) throw new Error("a page is larger than the limit");
        return decompress(input, outputLength);
      },
    ]),
  );
}

function isCount(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}
