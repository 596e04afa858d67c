import { MillraceError } from "./errors.js";

/** A point by its id, and where it comes from as far as that is known. */
export interface FoundPoint {
  readonly id: string;
  readonly object?: string;
  readonly document?: string;
  readonly ordinal?: number;
}

/** Points of one kind: how many, and the first of them. */
export interface FoundPoints {
  readonly count: number;
  /** Twenty at most. */
  readonly first: readonly FoundPoint[];
}

/** How far a source is ahead of what was indexed of it. */
export interface Freshness {
  /** Objects that are new, changed, or gone. */
  readonly changes: number;
  /** When the oldest of the new and changed ones was modified, in milliseconds since 1970. */
  readonly oldestChange?: number;
}

/** Something that store, manifest and job should agree upon, and do not. */
export interface Mismatch {
  readonly what: string;
  readonly expected: string;
  readonly found: string;
}

export interface VerifyOptions {
  /** How many stored vectors are compared with what the model gives for their text. */
  readonly sample: number;
  /** Decides which; another one draws other points. */
  readonly seed: number;
}

/** What a store was found to hold, compared with what its manifest says. Plain JSON. */
export interface VerifyReport {
  /** Points of the corpus that are stored; one that is stored twice counts twice. */
  readonly points: number;
  readonly objects: number;
  readonly documents: number;
  /** Digest of the stored points' ids, whatever their order: equal ids give equal digests in every store. */
  readonly digest: string;
  /** Planned, not in quarantine, and not stored. */
  readonly missing: FoundPoints;
  /** Stored, and not planned. */
  readonly unexpected: FoundPoints;
  /** Stored more than once. */
  readonly doubled: FoundPoints;
  /** Rows and chunks in quarantine. */
  readonly quarantined: number;
  /** The same by their error's code. */
  readonly quarantine: { readonly [code: string]: number };
  readonly sampled: number;
  /** The sampled point whose vector is farthest from what the model gives. */
  readonly worst?: FoundPoint & { readonly cosine: number };
  readonly mismatches: readonly Mismatch[];
  /** What of the source is not in the manifest; absent where the source could not be listed. */
  readonly freshness?: Freshness;
  /** An index run is under way or was interrupted: what it wrote is not in the manifest yet. */
  readonly isUnfinished: boolean;
}

/** Encoding the same text again may differ in the last bits on another processor, not by more than this. */
export const leastCosine = 0.9999;

/** What does not hold, as one error; undefined where all does. */
export function verdictOf(report: VerifyReport): MillraceError | undefined {
  const { missing, unexpected, doubled, worst, mismatches, isUnfinished } = report;
  const reasons = [
    ...counted(missing, "missing"),
    ...counted(unexpected, "unexpected"),
    ...counted(doubled, "stored twice"),
    ...(worst === undefined || worst.cosine >= leastCosine
      ? []
      : [`a vector that its text does not give (cosine ${worst.cosine.toFixed(4)}, ${worst.id})`]),
    ...mismatches.map(({ what, expected, found }) => `${what} is ${found}, not ${expected}`),
  ];
  if (reasons.length === 0) return undefined;
  return new MillraceError("E_VERIFY", "the store is not what was indexed", {
    why: reasons.join("; "),
    fix: isUnfinished
      ? "An index run is under way or was interrupted: let it end, or run it again, then verify again."
      : "Run index with --full: it writes every point again; what it does not know must be deleted by hand.",
  });
}

function counted({ count }: FoundPoints, kind: string): readonly string[] {
  return count === 0 ? [] : [`${count} ${count === 1 ? "point" : "points"} ${kind}`];
}
