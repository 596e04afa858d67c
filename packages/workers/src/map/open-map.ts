import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { BlobStore, Searcher } from "@millrace/core";
import { sha256 } from "../identity/digest.js";
import { clusterNames } from "./cluster-names.js";
import { documentVectors } from "./document-vectors.js";
import { type DocumentMap, decodeMap, encodeMap } from "./map-file.js";
import type { Rows } from "./principal-components.js";
import type { Projection } from "./project.js";

export interface MapRequest {
  readonly searcher: Pick<Searcher, "scan" | "schema">;
  /** Where maps are kept. */
  readonly cache: BlobStore;
  /** Changes whenever the store's content does. */
  readonly state: string;
}

/** Raised when maps of the same vectors become others, or their files do. */
const version = 1;
/** More dots than these would be drawn over each other. */
const mostDocuments = 100_000;

/** The map of a store's documents: made once of each state, then found again in the cache. */
export async function openMap({ searcher, cache, state }: MapRequest): Promise<DocumentMap> {
  const key = `${sha256(`${version} ${state}`)}.map`;
  const kept = await cache.get(key);
  if (kept !== undefined) return decodeMap(kept);
  const { documents, vectors, isSample } = await documentVectors(searcher, mostDocuments);
  const projection = await projectInThread(vectors);
  const map = { documents, isSample, names: clusterNames(documents, projection.clusters), ...projection };
  await cache.put(key, encodeMap(map));
  return map;
}

async function projectInThread(vectors: Rows): Promise<Projection> {
  const thread = new Worker(new URL("./project-thread.js", import.meta.url), {
    workerData: vectors,
    transferList: [vectors.values.buffer as ArrayBuffer],
  });
  const [projection] = (await once(thread, "message")) as [Projection];
  return projection;
}
