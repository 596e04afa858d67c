import { inPieces, type Searcher, type StoredPoint } from "@millrace/core";

/** Ids of one corpus' points in a store; where a store has no cheap way to them, from every point. */
export async function* corpusIds(searcher: Searcher, corpus: string): AsyncGenerator<readonly string[]> {
  if (searcher.ids !== undefined) {
    yield* searcher.ids(corpus);
    return;
  }
  for await (const { record } of searcher.scan()) if (record.corpus === corpus) yield [record.id];
}

/** Points asked for at once. */
const pointsAtOnce = 256;

/** The points of some ids, as far as they are there. */
export async function* pointsOfIds(searcher: Searcher, ids: readonly string[]): AsyncGenerator<StoredPoint> {
  if (ids.length === 0) return;
  if (searcher.points !== undefined) {
    for (const piece of inPieces(ids, pointsAtOnce)) yield* await searcher.points(piece);
    return;
  }
  const wanted = new Set(ids);
  for await (const point of searcher.scan()) if (wanted.has(point.record.id)) yield point;
}
