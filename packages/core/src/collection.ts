/** How a server may keep vectors in less memory to find candidates; whole vectors then decide. */
export const quantizations = ["none", "scalar", "binary", "product"] as const;
export type Quantization = (typeof quantizations)[number];

/** Where a server keeps what it does not always need. */
export const residences = ["disk", "memory"] as const;
export type Residence = (typeof residences)[number];

export const payloadIndexTypes = ["keyword", "integer", "float", "bool", "datetime", "text"] as const;

export interface PayloadIndex {
  /** `payload.<name>`. */
  readonly field: string;
  readonly type: (typeof payloadIndexTypes)[number];
}

/**
 * How a collection on a server is made. One that exists is used as it is; only payload indexes it lacks are added. What
 * is undefined is left to the server.
 */
export interface CollectionSettings {
  readonly quantization: Quantization;
  readonly vectors: Residence;
  readonly payload: Residence;
  /** Edges of a point in the search graph (HNSW's m). */
  readonly graphEdges: number;
  /** Candidates looked at for each point while the graph is built (HNSW's ef_construct). */
  readonly graphCandidates?: number | undefined;
  readonly shards?: number | undefined;
  readonly replicas?: number | undefined;
  readonly payloadIndexes: readonly PayloadIndex[];
}
