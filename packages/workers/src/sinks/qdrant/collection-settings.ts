import {
  type CollectionSettings,
  formOf,
  type PayloadIndex,
  type Quantization,
  type StoreSchema,
} from "@millrace/core";
import type { Schemas } from "@qdrant/js-client-rest";
import { type QdrantForm, vectorName } from "./payload.js";

/** Whole vectors on the disk, no quantization, and Qdrant's own number of edges. */
export const defaultCollection: CollectionSettings = {
  quantization: "none",
  vectors: "disk",
  payload: "disk",
  graphEdges: 16,
  payloadIndexes: [],
};

/** Fields of every point that searches choose by. */
const pointFields: readonly PayloadIndex[] = ["corpus", "path", "document"].map((field) => ({
  field,
  type: "keyword",
}));

/**
 * The request that makes a collection. It has no search graph while it is filled, which is what Qdrant recommends for
 * many points: deferring all indexing would keep every vector in memory.
 */
export function creationRequest(schema: StoreSchema, settings: CollectionSettings): Schemas["CreateCollection"] {
  const { graphCandidates, shards, replicas } = settings;
  const quantization = quantizationConfigs[settings.quantization];
  const vector = { size: schema.dimensions, distance: "Cosine", on_disk: settings.vectors === "disk" } as const;
  return {
    vectors: { [vectorName]: { ...vector, ...datatypeOf(schema) } },
    on_disk_payload: settings.payload === "disk",
    hnsw_config: { m: 0, ...(graphCandidates === undefined ? {} : { ef_construct: graphCandidates }) },
    ...(quantization === undefined ? {} : { quantization_config: quantization }),
    ...(shards === undefined ? {} : { shard_number: shards }),
    ...(replicas === undefined ? {} : { replication_factor: replicas }),
  };
}

/** The form of a collection's vectors: stores of others are refused before. */
export function qdrantFormOf(schema: StoreSchema): QdrantForm {
  return { precision: formOf(schema).precision === "float16" ? "float16" : "float32" };
}

/** Qdrant's type of a vector's numbers; float32, which is its own, goes without saying. */
export function datatypeOf(schema: StoreSchema): { readonly datatype?: "float16" } {
  const { precision } = qdrantFormOf(schema);
  return precision === "float16" ? { datatype: precision } : {};
}

/** The payload indexes that a collection lacks. */
export function missingIndexes(present: object, { payloadIndexes }: CollectionSettings): readonly PayloadIndex[] {
  return [...pointFields, ...payloadIndexes].filter(({ field }) => !Object.hasOwn(present, field));
}

/** Quantized vectors stay in memory: candidates are found among them, and only those are read whole. */
const quantizationConfigs: Readonly<Record<Quantization, Schemas["QuantizationConfig"] | undefined>> = {
  none: undefined,
  scalar: { scalar: { type: "int8", quantile: 0.99, always_ram: true } },
  binary: { binary: { always_ram: true } },
  product: { product: { compression: "x16", always_ram: true } },
};
