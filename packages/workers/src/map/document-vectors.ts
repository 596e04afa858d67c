import type { Searcher } from "@millrace/core";
import type { Rows } from "./principal-components.js";

/** A document as the map knows it. */
export interface MappedDocument {
  readonly corpus: string;
  readonly path: string;
  /** Its key within the object; empty where the object is the document. */
  readonly document: string;
  readonly title: string;
  readonly points: number;
  /** Id of its first point: its text is read from there. */
  readonly firstPoint: string;
}

export interface DocumentVectors {
  readonly documents: readonly MappedDocument[];
  /** Of each document, the mean of its points' vectors. */
  readonly vectors: Rows;
  /** True where the store holds more documents than are told apart on a map. */
  readonly isSample: boolean;
}

/** What is known of a document while points are read. */
interface Growing {
  points: number;
  ordinal: number;
  firstPoint: string;
  readonly corpus: string;
  readonly path: string;
  readonly document: string;
  readonly title: string;
}

/**
 * Reads every point of a store once, and makes one vector of each document. Points come by id, and ids are digests: where
 * there are more documents than `most`, those that come first are an even sample.
 */
export async function documentVectors(
  searcher: Pick<Searcher, "scan" | "schema">,
  most: number,
): Promise<DocumentVectors> {
  const { dimensions: width } = await searcher.schema();
  const growing: Growing[] = [];
  const indices = new Map<string, number>();
  let sums = new Float32Array(1024 * width);
  let isSample = false;
  for await (const { record, vector } of searcher.scan()) {
    const { id, corpus, path, document, title, ordinal } = record;
    const name = documentName(record);
    const index = indices.get(name) ?? growing.length;
    if (index === growing.length) {
      if (growing.length === most) {
        isSample = true;
        continue;
      }
      indices.set(name, index);
      growing.push({ points: 0, ordinal, firstPoint: id, corpus, path, document, title });
      if (growing.length * width > sums.length) sums = doubled(sums);
    }
    const known = growing[index] as Growing;
    known.points += 1;
    if (ordinal < known.ordinal) Object.assign(known, { ordinal, firstPoint: id });
    for (let column = 0; column < width; column += 1)
      sums[index * width + column] = (sums[index * width + column] as number) + (vector[column] as number);
  }
  const values = sums.slice(0, growing.length * width);
  for (let place = 0; place < values.length; place += 1)
    values[place] = (values[place] as number) / (growing[Math.floor(place / width)] as Growing).points;
  const documents = growing.map(({ ordinal: _, ...document }) => document);
  return { documents, vectors: { values, width }, isSample };
}

/** One name for a document of any corpus in the store. */
export function documentName({ corpus, path, document }: Pick<MappedDocument, "corpus" | "path" | "document">): string {
  return JSON.stringify([corpus, path, document]);
}

function doubled(values: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const larger = new Float32Array(values.length * 2);
  larger.set(values);
  return larger;
}
