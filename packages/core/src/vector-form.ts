import { fromHalves, largestHalf, toHalves } from "./halves.js";
import { cosineSimilarity } from "./similarity.js";

/** What a store may hold of each number of a vector; the names are sentence-transformers', `binary` is its `ubinary`. */
export const vectorPrecisions = ["float32", "float16", "int8", "binary"] as const;
export type VectorPrecision = (typeof vectorPrecisions)[number];

/**
 * How a store holds vectors. Encoders give float32; what is held follows from that and the form alone, so that no vector
 * depends on another one.
 */
export type VectorForm =
  | { readonly precision: "float32" | "float16" | "binary" }
  /** A whole number stands for so many times `step`, the same for all dimensions: raw integers keep angles and products. */
  | { readonly precision: "int8"; readonly step: number };

/** The form of a store, a job or a fingerprint; those that say nothing of it are of float32. */
export function formOf({ form = { precision: "float32" } }: { readonly form?: VectorForm | undefined }): VectorForm {
  return form;
}

/** Numbers as they are held, vector after vector: floats, bits of halves, whole numbers, or eight signs to a byte. */
export type HeldNumbers = Float32Array | Uint16Array | Int8Array | Uint8Array;

/** How many of them one vector takes. */
export function heldLength({ precision }: VectorForm, dimensions: number): number {
  return precision === "binary" ? Math.ceil(dimensions / 8) : dimensions;
}

/**
 * Vectors, `rows × dimensions`, as they are held. Halves are the nearest ones; int8 and binary are bit for bit what
 * `quantize_embeddings` of sentence-transformers gives, with the ranges of `int8Ranges` for each dimension.
 */
export function packVectors(form: VectorForm, vectors: Float32Array, dimensions: number): HeldNumbers {
  switch (form.precision) {
    case "float32":
      return vectors;
    case "float16":
      return toHalves(vectors.map((value) => Math.max(-largestHalf, Math.min(largestHalf, value))));
    case "int8":
      return toIntegers(vectors, int8Ranges(form.step));
    case "binary":
      return signsOf(vectors, dimensions);
  }
}

/** The floats that one vector's numbers stand for; a sign stands for 1 or −1. */
export function unpackVector(form: VectorForm, held: HeldNumbers, dimensions: number): Float32Array {
  switch (form.precision) {
    case "float32":
      return new Float32Array(held);
    case "float16":
      return fromHalves(held as Uint16Array);
    case "int8":
      return Float32Array.from(held, (value) => value * form.step);
    case "binary":
      return Float32Array.from({ length: dimensions }, (_, at) =>
        ((held[at >>> 3] as number) >>> (7 - (at & 7))) & 1 ? 1 : -1,
      );
  }
}

/** What a store's vector reads as, once it is held in the form; the same one where that is float32. */
export function heldVector(form: VectorForm, vector: Float32Array): Float32Array {
  if (form.precision === "float32") return vector;
  return unpackVector(form, packVectors(form, vector, vector.length), vector.length);
}

/**
 * What stored vectors are compared with: the query as it would be held. Signs alone would lose too much of it, and stay
 * floats.
 */
export function queryInForm(form: VectorForm, query: Float32Array): Float32Array {
  return form.precision === "binary" ? query : heldVector(form, query);
}

/**
 * How near a held vector comes to one that was encoded again, −1 to 1: the cosine between the two, against that which the
 * form leaves. What rounds to another number for a last bit of difference costs next to nothing.
 */
export function heldCosine(form: VectorForm, held: Float32Array, encoded: Float32Array): number {
  return cosineSimilarity(held, encoded) / cosineSimilarity(heldVector(form, encoded), encoded);
}

/** Smallest and largest value that int8 tells apart: whole numbers from −128 to 127 begin half a step below their own. */
export function int8Ranges(step: number): readonly [lowest: number, highest: number] {
  return [Math.fround(-128.5 * step), Math.fround(126.5 * step)];
}

/** In float32 at each step, as numpy has it. */
function toIntegers(vectors: Float32Array, [lowest, highest]: readonly [number, number]): Int8Array {
  const width = Math.fround(Math.fround(highest - lowest) / 255);
  return Int8Array.from(vectors, (value) => {
    const bucket = Math.floor(Math.fround(Math.fround(value - lowest) / width));
    return Math.max(0, Math.min(255, bucket)) - 128;
  });
}

/** One bit for what is above zero, the first in the highest place of a vector's first byte. */
export function signsOf(vectors: Float32Array, dimensions = vectors.length): Uint8Array {
  const width = Math.ceil(dimensions / 8);
  const signs = new Uint8Array((vectors.length / dimensions) * width);
  for (let index = 0; index < vectors.length; index += 1) {
    if (!((vectors[index] as number) > 0)) continue;
    const column = index % dimensions;
    const byte = ((index - column) / dimensions) * width + (column >>> 3);
    signs[byte] = (signs[byte] as number) | (0x80 >>> (column & 7));
  }
  return signs;
}
