import { type BlobRef, MillraceError, type StoreSchema, type VectorsRef } from "@millrace/core";
import type { NumberedEntry, VectorsLogEntry } from "./log.js";

/** What is to be done to a store so that it holds what the log's store holds. */
export interface LoadPlan {
  readonly corpus: string;
  readonly schema: StoreSchema;
  readonly commits: readonly LoadedCommit[];
}

export interface LoadedCommit {
  readonly files: readonly VectorsRef[];
  /** Lists of ids that are deleted when the files are written. */
  readonly deleted: readonly BlobRef[];
}

/**
 * Replays the log from its last whole entry on. Of those before it only the deletions, for a store that was filled from
 * them earlier. @param inForce digest of the manifest beside the log; undefined where there is none
 * @throws E_VECTORS_MISSING where the entries from there on do not join up
 */
export function planLoad(log: readonly NumberedEntry[], inForce?: string): LoadPlan {
  const from = log.findLastIndex(({ entry }) => entry.isWhole);
  const last = log.at(-1)?.entry;
  if (last === undefined) throw missing("nothing was kept there");
  if (from < 0) throw missing("the first commit that is whole is gone");
  const replayed = log.slice(from);
  for (const [index, next] of replayed.entries()) {
    const previous = replayed[index - 1];
    if (previous !== undefined && !follows(previous, next))
      throw missing(`commit ${next.commit} does not follow upon commit ${previous.commit}`);
  }
  // The entry is written before its manifest is in force: a run that was killed in between has done all it says.
  if (inForce !== undefined && inForce !== last.after && inForce !== last.before)
    throw missing("the last commit is not among them");
  const before = log.slice(0, from).map(({ entry }) => ({ files: [], deleted: entry.deleted }));
  return { corpus: last.corpus, schema: last.schema, commits: [...before, ...replayed.map(({ entry }) => entry)] };
}

function follows({ commit, entry }: NumberedEntry, next: NumberedEntry): boolean {
  const isJoined = (other: VectorsLogEntry) => other.before === entry.after && isAlike(other.schema, entry.schema);
  return next.commit === commit + 1 && isJoined(next.entry);
}

function isAlike(left: StoreSchema, right: StoreSchema): boolean {
  return left.fingerprint === right.fingerprint && left.dimensions === right.dimensions;
}

function missing(why: string): MillraceError {
  return new MillraceError("E_VECTORS_MISSING", "the kept vectors are not complete", {
    why,
    fix: "Keep them anew with index --full --keep-vectors.",
  });
}
