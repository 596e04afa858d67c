import type { PlanCounts, Shard, SplitCounts } from "./steps.js";

export const noPlanCounts: PlanCounts = {
  newObjects: 0,
  changedObjects: 0,
  unchangedObjects: 0,
  removedObjects: 0,
  bytes: 0,
};

/** Adds what two pages of a plan counted. */
export function addPlanCounts(left: PlanCounts, right: PlanCounts): PlanCounts {
  return {
    newObjects: left.newObjects + right.newObjects,
    changedObjects: left.changedObjects + right.changedObjects,
    unchangedObjects: left.unchangedObjects + right.unchangedObjects,
    removedObjects: left.removedObjects + right.removedObjects,
    bytes: left.bytes + right.bytes,
    ...oldestOf([left.oldestChange, right.oldestChange]),
  };
}

/** The earliest of some times, as plans count it; nothing where none is known. */
export function oldestOf(times: readonly (number | undefined)[]): Pick<PlanCounts, "oldestChange"> {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? {} : { oldestChange: Math.min(...known) };
}

export const noCounts: SplitCounts = {
  documents: 0,
  unchangedDocuments: 0,
  emptyDocuments: 0,
  chunks: 0,
  tokens: 0,
  quarantined: 0,
  changedObjects: 0,
  bytes: 0,
};

/** Adds two tallies field by field. */
export function addCounts(left: SplitCounts, right: SplitCounts): SplitCounts {
  return {
    documents: left.documents + right.documents,
    unchangedDocuments: left.unchangedDocuments + right.unchangedDocuments,
    emptyDocuments: left.emptyDocuments + right.emptyDocuments,
    chunks: left.chunks + right.chunks,
    tokens: left.tokens + right.tokens,
    quarantined: left.quarantined + right.quarantined,
    changedObjects: left.changedObjects + right.changedObjects,
    bytes: left.bytes + right.bytes,
  };
}

/** Stored bytes of what a shard takes. */
export function shardBytes({ objects, range }: Pick<Shard, "objects" | "range">): number {
  return range === undefined ? objects.reduce((sum, { bytes }) => sum + bytes, 0) : range.toByte - range.fromByte;
}
