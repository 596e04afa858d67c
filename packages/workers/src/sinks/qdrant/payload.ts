import { heldVector, type Json, type Payload, type PointRecord, type StoredPoint } from "@millrace/core";
import { asUuid } from "../../identity/point-id.js";

/** Name of the vector in the collection: others can be added beside it. */
export const vectorName = "text";

/**
 * How far a squared length may be from 1 for Qdrant to leave a vector as it is, halved: Qdrant sums in single precision. A
 * half is left as it is by all that changes it by less than half a step, 2⁻¹² of its size.
 */
const unitTolerances = { float32: 5e-7, float16: 2 ** -12 };

/** Of the forms, those a collection has a type for. */
export interface QdrantForm {
  readonly precision: keyof typeof unitTolerances;
}

/** A record as Qdrant keeps it, beside its vector. */
interface StoredPayload extends Omit<PointRecord, "id"> {
  /** Only where the record's id is no UUID. */
  readonly id?: string;
  /** Only where Qdrant would change the vector: base64 of its little-endian floats. */
  readonly vector?: string;
  /** Only where Qdrant would change a number of the payload: the payload as JSON. */
  readonly payloadJson?: string;
}

/** A point in the interface's form. Without a vector it is kept and counted, and never found by a search. */
export interface QdrantPoint {
  readonly id: string;
  readonly vector: { [name: string]: number[] };
  readonly payload: { [field: string]: unknown };
}

/**
 * Under Cosine distance Qdrant makes every vector one of unit length, and JSON knows no −0. Where that would change a
 * bit, the vector is kept in the payload as well. Encoders give unit vectors, so that this costs nothing.
 */
export function toQdrantPoint({ record, vector: given }: StoredPoint, form: QdrantForm): QdrantPoint {
  const { id, ...rest } = record;
  const vector = heldVector(form, given);
  const { values, squares, hasNegativeZero } = readVector(vector);
  const isKept = Math.abs(squares - 1) <= unitTolerances[form.precision] && !hasNegativeZero;
  const payload: StoredPayload = {
    ...rest,
    ...(asUuid(id) === id ? {} : { id }),
    ...(isKept ? {} : { vector: floatsToBase64(vector) }),
    ...(hasPlainNumbers(record.payload) ? {} : { payloadJson: JSON.stringify(record.payload) }),
  };
  const hasDirection = squares > 0 && Number.isFinite(squares);
  const unit = isKept ? values : values.map((value) => value / Math.sqrt(squares));
  return { id: asUuid(id), vector: hasDirection ? { [vectorName]: unit } : {}, payload: { ...payload } };
}

/** In one pass: with a call for each value, this took a third of all the time the sink needs for a point. */
function readVector(vector: Float32Array) {
  const values = new Array<number>(vector.length);
  let squares = 0;
  let hasNegativeZero = false;
  for (let index = 0; index < vector.length; index += 1) {
    const value = vector[index] as number;
    values[index] = value;
    squares += value * value;
    if (value === 0 && Object.is(value, -0)) hasNegativeZero = true;
  }
  return { values, squares, hasNegativeZero };
}

/** A point of an answer that was asked for with payload and vectors. */
export interface AnsweredPoint {
  readonly id: string | number | bigint;
  readonly payload?: { readonly [field: string]: unknown } | null | undefined;
  readonly vector?: unknown;
}

/** The point as it was before `toQdrantPoint`. */
export function fromQdrantPoint({ id, payload, vector }: AnsweredPoint): StoredPoint {
  const stored = payload as unknown as StoredPayload;
  const { corpus, path, document, ordinal, start, end, title, headings, text } = stored;
  const place = { corpus, path, document, ordinal, start, end };
  const own: Payload = stored.payloadJson === undefined ? stored.payload : JSON.parse(stored.payloadJson);
  const values = (vector as { [name: string]: number[] } | undefined)?.[vectorName] ?? [];
  const floats = stored.vector === undefined ? Float32Array.from(values) : base64ToFloats(stored.vector);
  return { record: { id: stored.id ?? String(id), ...place, title, headings, text, payload: own }, vector: floats };
}

/** Bytes of a point as JSON, rather more than less: 22 for a number, 3 for a character. */
export function jsonBytes({ vector, payload }: QdrantPoint): number {
  const { text, title, headings, payload: own, ...rest } = payload as unknown as StoredPayload;
  const texts = text.length + title.length + headings.join().length;
  const others = JSON.stringify(own).length + JSON.stringify(rest).length;
  return 22 * (vector[vectorName]?.length ?? 0) + 3 * (texts + others) + 256;
}

/**
 * Qdrant's JSON reader may miss the last bit of a number with many digits or a large exponent, and the client reads whole
 * numbers beyond 2⁵³ as BigInt.
 */
function hasPlainNumbers(value: Json): boolean {
  if (typeof value === "number") return isPlainNumber(value);
  return typeof value !== "object" || value === null || Object.values(value).every(hasPlainNumbers);
}

function isPlainNumber(value: number): boolean {
  if (Number.isInteger(value)) return Number.isSafeInteger(value);
  const [digits = "", exponent] = value.toExponential().split("e");
  return digits.length <= 16 && Math.abs(Number(exponent)) < 8;
}

function floatsToBase64(floats: Float32Array): string {
  const bytes = Buffer.alloc(4 * floats.length);
  for (const [index, value] of floats.entries()) bytes.writeFloatLE(value, 4 * index);
  return bytes.toString("base64");
}

function base64ToFloats(text: string): Float32Array {
  const bytes = Buffer.from(text, "base64");
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(4 * index));
}
