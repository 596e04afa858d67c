import type { CorpusObject } from "./corpus.js";

/** When a shard is full. Small enough that an interrupted one is soon redone, large enough that its files are few. */
export interface ShardLimits {
  readonly objects: number;
  readonly bytes: number;
}

/** Cuts objects, in their order, into groups within the limits; an object larger than a shard stands alone. */
export function groupObjects(
  objects: readonly CorpusObject[],
  limits: ShardLimits,
): readonly (readonly CorpusObject[])[] {
  const groups: CorpusObject[][] = [];
  let bytes = 0;
  for (const object of objects) {
    const last = groups.at(-1);
    const isFull = last === undefined || last.length >= limits.objects || bytes + object.bytes > limits.bytes;
    if (isFull) groups.push([object]);
    else last.push(object);
    bytes = isFull ? object.bytes : bytes + object.bytes;
  }
  return groups;
}

/** Rows of a large object that a shard of their own takes; the ranges of an object are adjacent and hold all of it. */
export interface RowRange {
  readonly fromRow: number;
  /** Exclusive. */
  readonly toRow: number;
  readonly fromByte: number;
  /** Exclusive. In a format that is not read from front to back, bytes only say how much of the object the range is. */
  readonly toByte: number;
  /** Lines before the range, for messages that name one; 0 where the format has none. */
  readonly fromLine: number;
}

/** A place in an object where reading may begin, and what lies before it. */
export interface Seam {
  readonly row: number;
  readonly byte: number;
  readonly line: number;
}

/** When an object is cut into ranges. */
export interface RangeLimits {
  /** An object larger than this is cut into ranges of about this size. */
  readonly bytes: number;
  /** Ranges of one object at most; those of a larger one are larger. */
  readonly perObject: number;
}

/** Cuts one object at its seams, which come in order, into ranges of equal size as far as rows allow. */
export class RangeCutter {
  private readonly size: number;
  private readonly cuts: RowRange[] = [];
  private from: Seam = { row: 0, byte: 0, line: 0 };

  constructor(bytes: number, limits: RangeLimits) {
    const count = Math.min(limits.perObject, Math.ceil(bytes / limits.bytes));
    this.size = Math.ceil(bytes / Math.max(1, count));
  }

  /** True where the range that ends there is large enough. */
  isDueAt(row: number, byte: number): boolean {
    return byte - this.from.byte >= this.size && row > this.from.row;
  }

  cutAt(seam: Seam): void {
    const { row, byte, line } = this.from;
    this.cuts.push({ fromRow: row, toRow: seam.row, fromByte: byte, toByte: seam.byte, fromLine: line });
    this.from = seam;
  }

  /** All ranges, the last one up to the object's end. */
  endAt(end: Seam): readonly RowRange[] {
    this.cutAt(end);
    return this.cuts;
  }
}
