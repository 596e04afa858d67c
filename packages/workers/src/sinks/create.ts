import { resolve } from "node:path";
import { MillraceError, type Searcher, type Sink } from "@millrace/core";
import { exportSearcher, exportSink } from "./export/export.js";
import { jsonlFormat } from "./export/jsonl.js";
import { parquetFormat } from "./export/parquet.js";
import { lanceSearcher } from "./lancedb/searcher.js";
import { lanceSink } from "./lancedb/sink.js";
import { memorySearcher, memorySink } from "./memory/memory.js";
import type { QdrantOptions } from "./qdrant/client.js";
import { parseQdrantPlace, type QdrantScheme, qdrantPlace } from "./qdrant/place.js";
import { qdrantSearcher } from "./qdrant/searcher.js";
import { qdrantSink } from "./qdrant/sink.js";

/** What a store's uri may begin with. */
export const storeDrivers = ["lancedb", "jsonl", "parquet", "memory", "qdrant", "qdrant+https"] as const;
export type StoreDriver = (typeof storeDrivers)[number];

/** What is not part of a uri, since uris are shown and kept: keys, and limits of this process. */
export type StoreOptions = QdrantOptions;

/** Both halves of a store at one place. */
interface Driver {
  readonly sink: (place: string, options: StoreOptions) => Sink;
  readonly searcher: (place: string, options: StoreOptions) => Searcher;
  /** The place in full, so that one store has one name. */
  readonly fullPlace: (place: string) => string;
}

const drivers: Readonly<Record<StoreDriver, Driver>> = {
  lancedb: {
    sink: (place) => lanceSink(resolve(place)),
    searcher: (place) => lanceSearcher(resolve(place)),
    fullPlace: (place) => resolve(place),
  },
  jsonl: {
    sink: (place) => exportSink(resolve(place), jsonlFormat),
    searcher: (place) => exportSearcher(resolve(place), jsonlFormat),
    fullPlace: (place) => resolve(place),
  },
  parquet: {
    sink: (place) => exportSink(resolve(place), parquetFormat),
    searcher: (place) => exportSearcher(resolve(place), parquetFormat),
    fullPlace: (place) => resolve(place),
  },
  memory: { sink: memorySink, searcher: memorySearcher, fullPlace: (place) => place },
  qdrant: qdrantDriver("qdrant"),
  "qdrant+https": qdrantDriver("qdrant+https"),
};

/**
 * The sink for `lancedb:<folder>`, `jsonl:<folder>`, `parquet:<folder>`, `memory:<name>`, `qdrant://<host>/<collection>`
 * (or `qdrant+https:`), or a bare folder, which is LanceDB's. Nothing is touched before `open`.
 * @throws E_CONFIG for another scheme.
 */
export function createSink(uri: string, options: StoreOptions = {}): Sink {
  const { driver, place } = parseStoreUri(uri);
  return drivers[driver].sink(place, options);
}

/** The searcher for the same uris. An export counts and scans but cannot be searched. @throws E_CONFIG */
export function createSearcher(uri: string, options: StoreOptions = {}): Searcher {
  const { driver, place } = parseStoreUri(uri);
  return drivers[driver].searcher(place, options);
}

/** The uri in full: driver and absolute folder or server, so that one store has one name. @throws E_CONFIG */
export function storeUri(uri: string): string {
  const { driver, place } = parseStoreUri(uri);
  return `${driver}:${drivers[driver].fullPlace(place)}`;
}

/** The folder of a store on this machine; undefined for one in memory or on a server. @throws E_CONFIG */
export function storeFolder(uri: string): string | undefined {
  const { driver, place } = parseStoreUri(uri);
  return driver === "lancedb" || driver === "jsonl" || driver === "parquet" ? resolve(place) : undefined;
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

function qdrantDriver(scheme: QdrantScheme): Driver {
  return {
    sink: (place, options) => qdrantSink(parseQdrantPlace(scheme, place), options),
    searcher: (place, options) => qdrantSearcher(parseQdrantPlace(scheme, place), options),
    fullPlace: (place) => qdrantPlace(scheme, place),
  };
}
