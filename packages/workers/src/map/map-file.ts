import type { MappedDocument } from "./document-vectors.js";
import type { Projection } from "./project.js";

/** Documents of a store in the plane. */
export interface DocumentMap extends Projection {
  readonly documents: readonly MappedDocument[];
  /** Of each cluster, by its number, what it is about; empty where that cannot be told. */
  readonly names: readonly string[];
  /** True where only some of the documents are shown. */
  readonly isSample: boolean;
}

/**
 * Layout of a kept map, little-endian: length of the JSON in bytes (uint32), the JSON `{ documents, names, isSample }`, then for each
 * document x and y (float32 each), then for each its cluster (uint16).
 */
export function encodeMap({ documents, names, isSample, places, clusters }: DocumentMap): Uint8Array {
  const json = Buffer.from(JSON.stringify({ documents, names, isSample }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.byteLength);
  return Buffer.concat([length, json, bytesOf(places), bytesOf(clusters)]);
}

export function decodeMap(bytes: Uint8Array): DocumentMap {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 4 + file.readUInt32LE(0);
  const { documents, names, isSample } = JSON.parse(file.toString("utf8", 4, start)) as DocumentMap;
  const floats = start + 8 * documents.length;
  return {
    documents,
    names,
    isSample,
    places: new Float32Array(aligned(file.subarray(start, floats))),
    clusters: new Uint16Array(aligned(file.subarray(floats))),
  };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** A copy that typed arrays of any size can be laid over. */
function aligned(bytes: Buffer): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
