import { compareKeys, cosineSimilarity, type SearchHit, type StoredPoint } from "@millrace/core";

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
