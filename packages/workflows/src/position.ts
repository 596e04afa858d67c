import { noCounts, type Shard, type SplitCounts } from "@millrace/core";

/**
 * Where a job stands when it rests between two pieces of work: all that whoever goes on must know. Plain JSON, bounded
 * by the window of shards whatever the corpus holds; what is done lies in the work folder.
 */
export interface Position {
  /** Passes that came to their commit. */
  readonly passes: number;
  /** The pass encodes everything again. */
  readonly isFull: boolean;
  /** What those passes did. */
  readonly worked: SplitCounts;
  readonly deletedPoints: number;
  /** Page that shards are taken from, and the cursor it is planned with. */
  readonly page: number;
  readonly cursor?: string;
  /** Shards of the page that were taken. */
  readonly taken: number;
  /** The page was planned in this pass: finding it again does not mean that another run left it. */
  readonly isPlanned: boolean;
  /** Every page's shards were taken. */
  readonly isListed: boolean;
  /** Rests of shards that were begun. */
  readonly open: readonly Shard[];
  readonly seen: Seen;
}

/** What a pass has seen of its plan. */
export interface Seen {
  readonly isResumed: boolean;
  /** Every object is read and encoded again. */
  readonly isFull: boolean;
}

/** A pass's beginning. */
export function passFrom(passes: number, isFull: boolean, worked: SplitCounts, deletedPoints: number): Position {
  return {
    passes,
    isFull,
    worked,
    deletedPoints,
    page: 0,
    taken: 0,
    isPlanned: false,
    isListed: false,
    open: [],
    seen: { isResumed: false, isFull: true },
  };
}

/** A job's beginning. */
export function beginning(isFull: boolean): Position {
  return passFrom(0, isFull, noCounts, 0);
}
