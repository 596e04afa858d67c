import type { Chunking } from "./chunk.js";
import type { CollectionSettings } from "./collection.js";
import type { FieldMapping } from "./format.js";
import type { StoreSchema } from "./point.js";
import type { VectorForm } from "./vector-form.js";

/** What to read: a folder, one file, a glob, or a spooled standard input. */
export interface SourceSpec {
  /** A path, a glob, `-` for standard input, `s3://bucket/prefix`. */
  readonly location: string;
  /** Globs on object keys; an object must match one of `include` (when there is any) and none of `exclude`. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** Number formats that a model computes in: fp32 and int8 on a processor, fp16 on a GPU. */
export const precisions = ["fp32", "int8", "fp16"] as const;
export type Precision = (typeof precisions)[number];

/** What may be asked for: `auto` is int8 where it gives nearly the vectors of fp32, else fp32. */
export const precisionChoices = [...precisions, "auto"] as const;
export type PrecisionChoice = (typeof precisionChoices)[number];

/** What weights of a generator may be kept in: `auto` leaves them as its files hold them, where a graph can. */
export type GeneratorPrecisionChoice = PrecisionChoice | "int4";

export interface ModelSpec {
  /** What another machine brings the model by: a hub id, a known name, or a directory's absolute path. */
  readonly reference: string;
  readonly precision: Precision;
  /** sha256 of the compiled graph: vectors of another one do not belong into the store. */
  readonly graph: string;
  readonly dimensions: number;
  /** An exported graph that is used in place of the weights, relative to the model's directory. */
  readonly onnxFile?: string;
  /** Put before every text, where there is something. */
  readonly prompt?: string;
}

/** In bytes, decompressed; what is larger goes to quarantine. */
export interface SizeLimits {
  readonly maxRowBytes: number;
  readonly maxObjectBytes: number;
}

/** All that decides what a run does. Plain JSON: it travels as it is to workers on other machines. */
export interface Job {
  /** Names the corpus in point ids and in the store; by default the source's uri. */
  readonly corpus: string;
  readonly source: SourceSpec;
  readonly fields: FieldMapping;
  readonly chunking: Chunking;
  readonly model: ModelSpec;
  /** How large a row, or an object that is read whole, may be. */
  readonly limits: SizeLimits;
  /** Where the points go, such as `lancedb:<folder>` or `qdrant://<host>:<port>/<collection>`; `#<generation>` may follow. */
  readonly store: string;
  /** How the store holds vectors; as float32 where nothing is said. Batches, caches and kept vectors are float32 always. */
  readonly form?: VectorForm;
  /** How the store's collection is made, where it is one on a server. */
  readonly collection?: CollectionSettings;
  /** Where plans, batches, vectors, marks and the manifest lie: a folder, `s3://bucket/prefix`. */
  readonly work: string;
  /** Read every object again and encode every document again. */
  readonly full: boolean;
  /** What is to be read: everything that is new or has changed where it is not given, else only what is in quarantine. */
  readonly scope?: "quarantined";
  /** Let a source that lists nothing empty the store. Without it that is an error: an unmounted folder lists nothing too. */
  readonly allowEmpty: boolean;
  /** Keep the Arrow files of chunks and vectors after their points are acknowledged. */
  readonly keepVectors: boolean;
  /** Digest of everything that changes a vector. */
  readonly fingerprint: string;
}

/** What a store must know of a job's vectors. */
export function storeSchema({ model, form, fingerprint }: Job): StoreSchema {
  const { dimensions, graph, reference } = model;
  return { dimensions, distance: "cosine", ...(form && { form }), fingerprint, graph, model: reference };
}

/** Everything that changes a vector; its digest is the job's and the store's fingerprint. */
export interface FingerprintParts {
  /** sha256 of the compiled graph, weights and pooling included. */
  readonly graph: string;
  readonly tokenizer: string;
  readonly precision: Precision;
  readonly chunking: Chunking;
  /** Version of the chunker's rules: under another one the same settings may cut elsewhere. */
  readonly chunker: number;
  /** Absent for float32, as in stores that were filled before there were other forms. */
  readonly form?: VectorForm;
}
