import {
  compareKeys,
  cosineSimilarity,
  type SearchHit,
  type SearchQuery,
  type StoredPoint,
  type VectorForm,
} from "@millrace/core";

/**
 * Hits best first, equal scores by ascending id. The score is computed here in double precision for every store, so
 * that two stores with the same points give the same ranking. A vector of zeros has no direction and is never a hit.
 */
export function rankHits(points: Iterable<StoredPoint>, query: Float32Array): SearchHit[] {
  const hits: SearchHit[] = [];
  for (const { record, vector } of points) {
    const score = cosineSimilarity(vector, query);
    if (!Number.isNaN(score)) hits.push({ record, score });
  }
  return hits.sort((a, b) => b.score - a.score || compareKeys(a.record.id, b.record.id));
}

/** Points fetched beyond those asked for, so that ties at the end are seen without asking again. */
const pointsBeyondTop = 16;

/** Points for each hit that are found by their signs, of which the query's floats choose: sentence-transformers' number. */
const candidatesPerHit = 4;

/** How many of the nearest points a store is asked for at first. */
export function candidatesFor({ precision }: VectorForm, { top }: SearchQuery): number {
  return (precision === "binary" ? candidatesPerHit * top : top) + pointsBeyondTop;
}

/** A store's own distances are of single precision, or of half: a point further behind than this cannot really be ahead. */
const distanceErrors = { float32: 1e-5, float16: 2e-3, int8: 1e-5 };

/**
 * What no point that a store has not returned can score more than, by its own distance of the farthest that it has: one less
 * the cosine. How many signs differ says too little of the score: what is found by them is taken as all there is.
 */
export function mostOfUnseen({ precision }: VectorForm, farthest: number): number {
  return precision === "binary" ? Number.NEGATIVE_INFINITY : 1 - farthest + distanceErrors[precision];
}
