import {
  type BlobStore,
  diffListing,
  type Encoder,
  type FoundPoint,
  type FoundPoints,
  formOf,
  heldCosine,
  type Job,
  layout,
  MillraceError,
  type Mismatch,
  oldestOf,
  type Searcher,
  type Source,
  type StoredPoint,
  type Tokenizer,
  type VectorForm,
  type VerifyOptions,
  type VerifyReport,
} from "@millrace/core";
import { encodeRows } from "../engines/encode-rows.js";
import { pointId } from "../identity/point-id.js";
import { type ManifestHead, readAnyManifestHead } from "../manifest/manifest-head.js";
import { knownObjects, manifestObjects } from "../manifest/read-manifest.js";
import type { QuarantineRecord } from "../quarantine/quarantine.js";
import { quarantined } from "../quarantine/read-quarantine.js";
import { compareIds } from "./compare-ids.js";
import { IdDraw } from "./draw-ids.js";
import { corpusIds, pointsOfIds } from "./stored-points.js";

/** What `verify` works with: it reads a store and a work folder, and writes nothing. */
export interface VerifyContext {
  readonly blobs: BlobStore;
  readonly searcher: Searcher;
  /** Listed to see what is not indexed yet; not needed otherwise. */
  readonly source?: Source;
  /** The job's; not needed where no vector is to be compared. */
  readonly model?: SamplingModel;
}

interface SamplingModel {
  readonly tokenizer: Tokenizer;
  readonly encoder: Encoder;
}

/**
 * Compares a store with the manifest in force: each planned chunk is a point or in quarantine, there is nothing else of
 * this corpus, and a sample of the vectors is what the model gives for their text. Bounded memory; `verdictOf` judges.
 * @throws E_STORE_MISSING
 */
export async function verify(context: VerifyContext, job: Job, options: VerifyOptions): Promise<VerifyReport> {
  const { blobs, searcher } = context;
  const schema = await searcher.schema();
  const head = await readAnyManifestHead(blobs);
  const records = await quarantined(blobs);
  const draw = new IdDraw(context.model === undefined ? 0 : options.sample, options.seed);
  const compared = await compareIds({
    planned: () => plannedPoints(blobs, head, job),
    stored: () => corpusIds(searcher, job.corpus),
    excused: new Set(records.flatMap((record) => idOfChunk(job, record))),
    onStored: (id) => draw.offer(id),
  });
  const { missing, unexpected, doubled, points, digest } = compared;
  const { sampled, worst } = await compareVectors(context, { job, form: formOf(schema) }, draw.ids());
  return {
    points,
    digest,
    objects: head.objects,
    documents: head.documents,
    missing,
    unexpected: await withPlaces(searcher, unexpected),
    doubled: await withPlaces(searcher, doubled),
    quarantined: records.length,
    quarantine: countByCode(records),
    sampled,
    ...(worst === undefined ? {} : { worst }),
    mismatches: mismatchesOf(job, head, schema),
    ...(context.source === undefined ? {} : await freshnessOf(context.source, blobs, head)),
    isUnfinished: (await blobs.get(layout.planPage(0))) !== undefined,
  };
}

/** Every point that the manifest speaks of, one object in memory at a time. */
async function* plannedPoints(blobs: BlobStore, head: ManifestHead, { corpus }: Job): AsyncGenerator<FoundPoint> {
  for await (const { object, documents } of manifestObjects(blobs, head)) {
    for (const { key: document, chunks } of documents) {
      for (let ordinal = 0; ordinal < chunks; ordinal += 1) {
        yield { id: pointId({ corpus, object, document, ordinal }), object, document, ordinal };
      }
    }
  }
}

/** The point a chunk would be, had it been encoded; rows that could not be read have none. */
function idOfChunk({ corpus }: Job, { object, document, ordinal }: QuarantineRecord): readonly string[] {
  if (document === undefined || ordinal === undefined) return [];
  return [pointId({ corpus, object, document, ordinal })];
}

function countByCode(records: readonly QuarantineRecord[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { code } of records) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}

async function withPlaces(searcher: Searcher, { count, first }: FoundPoints): Promise<FoundPoints> {
  const places = new Map<string, FoundPoint>();
  const ids = first.map(({ id }) => id);
  for await (const { record } of pointsOfIds(searcher, ids)) places.set(record.id, placeOf(record));
  return { count, first: first.map((point) => places.get(point.id) ?? point) };
}

function placeOf({ id, path, document, ordinal }: StoredPoint["record"]): FoundPoint {
  return { id, object: path, document, ordinal };
}

/** Texts that are tokenized and encoded at once. */
const sampledAtOnce = 256;

type Sampled = Pick<VerifyReport, "sampled" | "worst">;

/** What a sampled vector must be: the job's, in the store's form. */
interface Expectation {
  readonly job: Job;
  readonly form: VectorForm;
}

/** Encodes the texts of some points again. A point that is stored twice is compared each time. */
async function compareVectors(
  context: VerifyContext,
  expectation: Expectation,
  ids: readonly string[],
): Promise<Sampled> {
  const { model, searcher } = context;
  let result: Sampled = { sampled: 0 };
  if (model === undefined) return result;
  let points: StoredPoint[] = [];
  for await (const point of pointsOfIds(searcher, ids)) {
    points.push(point);
    if (points.length < sampledAtOnce) continue;
    result = await compareSome(model, expectation, { points, before: result });
    points = [];
  }
  return compareSome(model, expectation, { points, before: result });
}

async function compareSome(
  { tokenizer, encoder }: SamplingModel,
  { job: { chunking }, form }: Expectation,
  { points, before }: { readonly points: readonly StoredPoint[]; readonly before: Sampled },
): Promise<Sampled> {
  const texts = points.map(({ record }) => record.text);
  // A text that was cut at a token may have more of them by itself: those that are not cut off were encoded.
  const rows = (await tokenizer.encode(texts)).map((ids) => cutTo(chunking.maxTokens, ids, tokenizer));
  const { vectors, failed } = await encodeRows(encoder, rows);
  let { sampled, worst } = before;
  for (const [row, { record, vector }] of points.entries()) {
    const error = failed.get(row);
    if (error !== undefined) throw error;
    const expected = vectors.subarray(row * encoder.dimensions, (row + 1) * encoder.dimensions);
    const cosine = cosineOrNone(form, vector, expected);
    sampled += 1;
    if (worst === undefined || cosine < worst.cosine) worst = { ...placeOf(record), cosine };
  }
  return { sampled, ...(worst === undefined ? {} : { worst }) };
}

/** A vector of nothing but zeros, or of another length, is like none: −1. */
function cosineOrNone(form: VectorForm, stored: Float32Array, expected: Float32Array): number {
  const cosine = stored.length === expected.length ? heldCosine(form, stored, expected) : Number.NaN;
  return Number.isNaN(cosine) ? -1 : cosine;
}

/** Special tokens stand at the other end, too: they are kept. */
function cutTo(maxTokens: number, ids: Int32Array, { specialTokens, truncationSide }: Tokenizer): Int32Array {
  if (ids.length <= maxTokens) return ids;
  const kept = specialTokens > 1 ? 1 : 0;
  const first = truncationSide === "left" ? kept : maxTokens - kept;
  return Int32Array.from([...ids.subarray(0, first), ...ids.subarray(ids.length - (maxTokens - first))]);
}

/** Lists the source against the manifest. A source that cannot be listed says nothing about the store. */
async function freshnessOf(
  source: Source,
  blobs: BlobStore,
  head: ManifestHead,
): Promise<Pick<VerifyReport, "freshness">> {
  let [changes, oldest] = [0, oldestOf([])];
  try {
    for await (const change of diffListing(source.list(), knownObjects(blobs, head))) {
      if (change.kind === "unchanged") continue;
      changes += 1;
      if (change.kind !== "removed") oldest = oldestOf([oldest.oldestChange, change.object.modified]);
    }
    return { freshness: { changes, ...oldest } };
  } catch (error) {
    if (error instanceof MillraceError && error.code === "E_SOURCE_MISSING") return {};
    throw error;
  }
}

type Schema = Awaited<ReturnType<Searcher["schema"]>>;

/** Store and manifest against the job, then the manifest against the store it was made for. */
function mismatchesOf(job: Job, head: ManifestHead, schema: Schema): readonly Mismatch[] {
  const none = "none, as nothing was committed";
  const facts = [
    ["the store's fingerprint", job.fingerprint, schema.fingerprint],
    ["the store's graph", job.model.graph, schema.graph],
    ["the store's number of dimensions", String(job.model.dimensions), String(schema.dimensions)],
    ["the manifest's corpus", job.corpus, head.corpus || none],
    ["the manifest's fingerprint", job.fingerprint, head.fingerprint || none],
    ["the manifest's store", schema.identity, head.store || none],
  ] as const;
  return facts.flatMap(([what, expected, found]) => (expected === found ? [] : [{ what, expected, found }]));
}
