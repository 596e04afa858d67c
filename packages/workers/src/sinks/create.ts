import { resolve } from "node:path";
import { MillraceError, type Searcher, type Sink } from "@millrace/core";
import { exportSearcher, exportSink } from "./export/export.js";
import { jsonlFormat } from "./export/jsonl.js";
import { parquetFormat } from "./export/parquet.js";
import { lanceSearcher } from "./lancedb/searcher.js";
import { lanceSink } from "./lancedb/sink.js";
import { memorySearcher, memorySink } from "./memory/memory.js";

/** What a store's uri may begin with. */
export const storeDrivers = ["lancedb", "jsonl", "parquet", "memory"] as const;
export type StoreDriver = (typeof storeDrivers)[number];

/** Both halves of a store at one place. */
interface Driver {
  readonly sink: (place: string) => Sink;
  readonly searcher: (place: string) => Searcher;
}

const drivers: Readonly<Record<StoreDriver, Driver>> = {
  lancedb: {
    sink: (place) => lanceSink(resolve(place)),
    searcher: (place) => lanceSearcher(resolve(place)),
  },
  jsonl: {
    sink: (place) => exportSink(resolve(place), jsonlFormat),
    searcher: (place) => exportSearcher(resolve(place), jsonlFormat),
  },
  parquet: {
    sink: (place) => exportSink(resolve(place), parquetFormat),
    searcher: (place) => exportSearcher(resolve(place), parquetFormat),
  },
  memory: { sink: memorySink, searcher: memorySearcher },
};

/**
 * The sink for `lancedb:<folder>`, `jsonl:<folder>`, `parquet:<folder>`, `memory:<name>`, or a bare folder, which is
 * LanceDB's. Nothing is touched before `open`. @throws E_CONFIG for another scheme.
 */
export function createSink(uri: string): Sink {
  const { driver, place } = parseStoreUri(uri);
  return drivers[driver].sink(place);
}

/** The searcher for the same uris. An export counts and scans but cannot be searched. @throws E_CONFIG */
export function createSearcher(uri: string): Searcher {
  const { driver, place } = parseStoreUri(uri);
  return drivers[driver].searcher(place);
}

/** The uri in full: driver and absolute folder, so that one store has one name. @throws E_CONFIG */
export function storeUri(uri: string): string {
  const { driver, place } = parseStoreUri(uri);
  return `${driver}:${driver === "memory" ? place : resolve(place)}`;
}

/** A single letter before the colon is a Windows drive, not a scheme. @throws E_CONFIG */
export function parseStoreUri(uri: string): { readonly driver: StoreDriver; readonly place: string } {
  const [, scheme, rest] = /^([A-Za-z][A-Za-z0-9+.-]+):(.*)$/s.exec(uri) ?? [];
  const driver = scheme === undefined ? "lancedb" : storeDrivers.find((name) => name === scheme);
  const place = rest ?? uri;
  if (driver === undefined || place === "") {
    const fix = `Use one of ${storeDrivers.map((name) => `${name}:`).join(", ")} with a folder or name, or a bare folder`;
    throw new MillraceError("E_CONFIG", "the store's uri is not known", { why: JSON.stringify(uri), fix });
  }
  return { driver, place };
}
