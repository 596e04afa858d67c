import { type FoundPoint, type FoundPoints, IdDigest, idBucket } from "@millrace/core";

/** Ids that can be gone through again and again: what is planned, with where it comes from, and what is stored. */
export interface IdsToCompare {
  readonly planned: () => AsyncIterable<FoundPoint>;
  readonly stored: () => AsyncIterable<readonly string[]>;
  /** Ids that need not be stored although they are planned. */
  readonly excused: ReadonlySet<string>;
  /** Told every stored id of the first time through. */
  readonly onStored: (id: string) => void;
  /** Ids held in memory at once; `idsInMemory` where it is not given. */
  readonly idsAtOnce?: number;
}

export interface ComparedIds {
  readonly points: number;
  readonly digest: string;
  readonly missing: FoundPoints;
  readonly unexpected: FoundPoints;
  readonly doubled: FoundPoints;
}

/** About 150 MB. */
const idsInMemory = 1_000_000;

/**
 * Compares ids, not counts, in bounded memory: digests of all of them first, then the ids themselves of those buckets
 * alone whose digests differ, as many buckets at a time as fit.
 */
export async function compareIds(ids: IdsToCompare): Promise<ComparedIds> {
  const planned = new IdDigest();
  for await (const { id } of ids.planned()) planned.add(id);
  const stored = new IdDigest();
  for await (const page of ids.stored()) {
    for (const id of page) {
      stored.add(id);
      ids.onStored(id);
    }
  }
  const found = { missing: new Found(), unexpected: new Found(), doubled: new Found() };
  const rounds = groupBuckets(planned.differences(stored), stored, ids.idsAtOnce ?? idsInMemory);
  for (const buckets of rounds) await compareBuckets(ids, buckets, found);
  const { missing, unexpected, doubled } = found;
  return { points: stored.count, digest: stored.toString(), missing, unexpected, doubled };
}

/** Points that are shown of each kind. */
const mostShown = 20;

class Found implements FoundPoints {
  count = 0;
  readonly first: FoundPoint[] = [];

  add(point: FoundPoint): void {
    this.count += 1;
    if (this.first.length < mostShown) this.first.push(point);
  }
}

/** Sets of buckets whose stored ids fit into memory together. */
function groupBuckets(buckets: readonly number[], stored: IdDigest, most: number): readonly ReadonlySet<number>[] {
  const groups: Set<number>[] = [];
  let held = 0;
  for (const bucket of buckets) {
    const count = stored.countOf(bucket);
    const last = groups.at(-1);
    const fits = last !== undefined && held + count <= most;
    if (fits) last.add(bucket);
    else groups.push(new Set([bucket]));
    held = fits ? held + count : count;
  }
  return groups;
}

async function compareBuckets(
  { planned, stored, excused }: IdsToCompare,
  buckets: ReadonlySet<number>,
  { missing, unexpected, doubled }: Readonly<Record<"missing" | "unexpected" | "doubled", Found>>,
): Promise<void> {
  const times = new Map<string, number>();
  for await (const page of stored()) {
    for (const id of page) if (buckets.has(idBucket(id))) times.set(id, (times.get(id) ?? 0) + 1);
  }
  for (const [id, count] of times) if (count > 1) doubled.add({ id });
  for await (const point of planned()) {
    if (!buckets.has(idBucket(point.id))) continue;
    if (!times.delete(point.id) && !excused.has(point.id)) missing.add(point);
  }
  for (const id of times.keys()) unexpected.add({ id });
}
