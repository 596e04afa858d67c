import { formOf, MillraceError, type PointBatch, type SearchQuery, type StoreSchema } from "@millrace/core";

/** Compares what a store was made with to what is to be written. @throws E_STORE_SCHEMA, E_STORE_FINGERPRINT */
export function checkSchema(stored: StoreSchema, wanted: StoreSchema, place: string): void {
  if (kind(stored) !== kind(wanted)) {
    const why = `${place} has ${kind(stored)}, the model gives ${kind(wanted)}`;
    const fix = `Use the model it was made with (${stored.model}) and its --vector-precision, another --store, or reindex, which exchanges what it holds`;
    throw new MillraceError("E_STORE_SCHEMA", "the store was made for other vectors", { why, fix });
  }
  if (stored.fingerprint !== wanted.fingerprint) {
    const why = `${place} has fingerprint ${short(stored.fingerprint)}, this run has ${short(wanted.fingerprint)}`;
    const fix = `Use the model (${stored.model}) and chunking it was made with, another --store, or reindex, which exchanges what it holds`;
    throw new MillraceError("E_STORE_FINGERPRINT", "the store was filled with another model or other chunking", {
      why,
      fix,
    });
  }
}

/** @throws E_INTERNAL when the vectors do not fit the records, or an id occurs twice. */
export function checkBatch({ records, vectors }: PointBatch, dimensions: number): void {
  if (vectors.length !== records.length * dimensions) {
    const why = `${vectors.length} floats for ${records.length} records of ${dimensions} dimensions`;
    throw new MillraceError("E_INTERNAL", "a batch of points is not consistent", { why });
  }
  if (new Set(records.map(({ id }) => id)).size !== records.length) {
    throw new MillraceError("E_INTERNAL", "a batch of points holds an id twice");
  }
}

/** @throws E_STORE_SCHEMA when the query's vector is not as long as the store's. */
export function checkQuery({ vector }: SearchQuery, { dimensions, model }: StoreSchema): void {
  if (vector.length === dimensions) return;
  const why = `the store has ${dimensions} dimensions, the query's vector ${vector.length}`;
  const fix = `Use the model the store was made with (${model})`;
  throw new MillraceError("E_STORE_SCHEMA", "the query is of another model", { why, fix });
}

/** The value, or the error of a store that is used before `open` or after `close`. @throws E_INTERNAL */
export function opened<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new MillraceError("E_INTERNAL", "the store is not open");
  return value;
}

const kind = (schema: StoreSchema) =>
  `${schema.dimensions} dimensions (${schema.distance}, ${formOf(schema).precision})`;
const short = (fingerprint: string) => (fingerprint.length > 16 ? `${fingerprint.slice(0, 12)}…` : fingerprint);
