import { basename, resolve } from "node:path";
import {
  formOf,
  type Generations,
  MillraceError,
  type Searcher,
  type Sink,
  type VectorPrecision,
} from "@millrace/core";
import { exportSearcher, exportSink } from "./export/export.js";
import { jsonlFormat } from "./export/jsonl.js";
import { parquetFormat } from "./export/parquet.js";
import { type GenerationPlace, joinGeneration, splitGeneration } from "./generation.js";
import { lanceGenerations } from "./lancedb/generations.js";
import { lanceSearcher } from "./lancedb/searcher.js";
import { lanceSink } from "./lancedb/sink.js";
import { memorySearcher, memorySink } from "./memory/memory.js";
import { memoryGenerations } from "./memory/stores.js";
import { qdrantGenerations } from "./qdrant/generations.js";
import { parseQdrantPlace, type QdrantScheme, qdrantPlace } from "./qdrant/place.js";
import { qdrantSearcher } from "./qdrant/searcher.js";
import { type QdrantSinkOptions, qdrantSink } from "./qdrant/sink.js";

/** What a store's uri may begin with. */
export const storeDrivers = ["lancedb", "jsonl", "parquet", "memory", "qdrant", "qdrant+https"] as const;
export type StoreDriver = (typeof storeDrivers)[number];

/** What is not part of a uri, since uris are shown and kept: keys, limits of this process, and how a store is made. */
export type StoreOptions = QdrantSinkOptions;

/** A store at one place. */
interface Driver {
  readonly sink: (place: GenerationPlace, options: StoreOptions) => Sink;
  readonly searcher: (place: GenerationPlace, options: StoreOptions) => Searcher;
  /** Undefined where a store holds one generation only. */
  readonly generations?: (place: string, options: StoreOptions) => Generations;
  /** Forms of vectors that it cannot hold or search, each with the reason and what to do instead. */
  readonly refused?: Partial<Record<VectorPrecision, Refusal>>;
  /** The place in full, so that one store has one name. */
  readonly fullPlace: (place: string) => string;
}

interface Refusal {
  readonly why: string;
  readonly fix: string;
}

const drivers: Readonly<Record<StoreDriver, Driver>> = {
  lancedb: {
    sink: ({ place, generation }) => lanceSink({ folder: resolve(place), generation }),
    searcher: ({ place, generation }) => lanceSearcher({ folder: resolve(place), generation }),
    generations: (place) => lanceGenerations(resolve(place)),
    refused: {
      int8: { why: "LanceDB's client cannot search vectors of int8", fix: "Use float16 or binary, or another store" },
    },
    fullPlace: fullFolder,
  },
  jsonl: {
    sink: ({ place }) => exportSink(resolve(place), jsonlFormat),
    searcher: ({ place }) => exportSearcher(resolve(place), jsonlFormat),
    fullPlace: fullFolder,
  },
  parquet: {
    sink: ({ place }) => exportSink(resolve(place), parquetFormat),
    searcher: ({ place }) => exportSearcher(resolve(place), parquetFormat),
    fullPlace: fullFolder,
  },
  memory: {
    sink: memorySink,
    searcher: memorySearcher,
    generations: memoryGenerations,
    fullPlace: (place) => place,
  },
  qdrant: qdrantDriver("qdrant"),
  "qdrant+https": qdrantDriver("qdrant+https"),
};

/**
 * The sink for `lancedb:<folder>`, `jsonl:<folder>`, `parquet:<folder>`, `memory:<name>`, `qdrant://<host>/<collection>`
 * (or `qdrant+https:`), or a bare folder, which is LanceDB's. `#<generation>` behind it means that one instead of the
 * live one. Nothing is touched before `open`.
 * @throws E_CONFIG for another scheme.
 */
export function createSink(uri: string, options: StoreOptions = {}): Sink {
  const { driver, ...place } = parseStoreUri(uri);
  const sink = drivers[driver].sink(place, options);
  return {
    ...sink,
    open: async (schema) => {
      checkVectorPrecision(uri, formOf(schema).precision);
      return sink.open(schema);
    },
  };
}

/** @throws E_CONFIG where a store cannot hold vectors in this form, with the way out */
export function checkVectorPrecision(uri: string, precision: VectorPrecision): void {
  const { driver } = parseStoreUri(uri);
  const refusal = drivers[driver].refused?.[precision];
  if (refusal !== undefined)
    throw new MillraceError("E_CONFIG", `a ${driver} store takes no ${precision} vectors`, refusal);
}

/** The searcher for the same uris. An export counts and scans but cannot be searched. @throws E_CONFIG */
export function createSearcher(uri: string, options: StoreOptions = {}): Searcher {
  const { driver, ...place } = parseStoreUri(uri);
  return drivers[driver].searcher(place, options);
}

/**
 * All generations of the store, whichever of them the uri names. Of a store in a folder, the caller keeps other
 * processes out. @throws E_CONFIG for an export, which holds one.
 */
export function createGenerations(uri: string, options: StoreOptions = {}): Generations {
  const { driver, place } = parseStoreUri(uri);
  const generations = drivers[driver].generations?.(place, options);
  if (generations === undefined) throw oneGenerationOnly(uri);
  return generations;
}

/** The uri in full: driver and absolute folder or server, so that one store has one name. @throws E_CONFIG */
export function storeUri(uri: string): string {
  const { driver, place, generation } = parseStoreUri(uri);
  return joinGeneration({ place: `${driver}:${drivers[driver].fullPlace(place)}`, generation });
}

/** The same store's uri with a generation, in place of the one it names; undefined for the live one. @throws E_CONFIG */
export function storeWithGeneration(uri: string, generation: string | undefined): string {
  const { driver, place } = parseStoreUri(storeUri(uri));
  const named = joinGeneration({ place: `${driver}:${place}`, generation });
  parseStoreUri(named);
  return named;
}

/** The generation a uri names; undefined for the live one. @throws E_CONFIG */
export function generationOf(uri: string): string | undefined {
  return parseStoreUri(uri).generation;
}

/** The folder of a store on this machine; undefined for one in memory or on a server. @throws E_CONFIG */
export function storeFolder(uri: string): string | undefined {
  const { driver, place } = parseStoreUri(uri);
  return driver === "lancedb" || driver === "jsonl" || driver === "parquet" ? resolve(place) : undefined;
}

/** A store's uri, taken apart. */
export interface StoreAddress extends GenerationPlace {
  readonly driver: StoreDriver;
}

/** A single letter before the colon is a Windows drive, not a scheme. @throws E_CONFIG */
export function parseStoreUri(uri: string): StoreAddress {
  const [, scheme, rest] = /^([A-Za-z][A-Za-z0-9+.-]+):(.*)$/s.exec(uri) ?? [];
  const driver = scheme === undefined ? "lancedb" : storeDrivers.find((name) => name === scheme);
  const address = splitGeneration(rest ?? uri);
  if (driver === undefined || address.place === "") {
    const fix = `Use one of ${storeDrivers.map((name) => `${name}:`).join(", ")} with a folder or name, or a bare folder`;
    throw new MillraceError("E_CONFIG", "the store's uri is not known", { why: JSON.stringify(uri), fix });
  }
  if (address.generation !== undefined && drivers[driver].generations === undefined) throw oneGenerationOnly(uri);
  return { driver, ...address };
}

function oneGenerationOnly(uri: string): MillraceError {
  const fix = "Use a lancedb: or qdrant: store, or another folder for each";
  return new MillraceError("E_CONFIG", "an export holds one generation only", { why: uri, fix });
}

/** A folder whose own name has a `#` keeps the slash that tells it from a generation. */
function fullFolder(place: string): string {
  const folder = resolve(place);
  return basename(folder).includes("#") ? `${folder}/` : folder;
}

function qdrantDriver(scheme: QdrantScheme): Driver {
  const storeAt = ({ place, generation }: GenerationPlace) => ({ place: parseQdrantPlace(scheme, place), generation });
  return {
    sink: (place, options) => qdrantSink(storeAt(place), options),
    searcher: (place, options) => qdrantSearcher(storeAt(place), options),
    generations: (place, options) => qdrantGenerations(parseQdrantPlace(scheme, place), options),
    fullPlace: (place) => qdrantPlace(scheme, place),
    refused: { int8: quantizedInQdrant("scalar"), binary: quantizedInQdrant("binary") },
  };
}

/** Qdrant searches small vectors and scores the best with the whole ones, which it keeps beside them. */
function quantizedInQdrant(quantization: "scalar" | "binary"): Refusal {
  return {
    why: "Qdrant makes these itself, of floats",
    fix: `Use --qdrant-quantization ${quantization} with --vector-precision float16 or float32`,
  };
}
