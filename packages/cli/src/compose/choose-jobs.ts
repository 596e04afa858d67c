import type { Job } from "@millrace/core";

/** A job that was run before, as it lies in the work root. */
export interface StoredJob {
  /** Name of its folder in the work root. */
  readonly id: string;
  readonly job: Job;
}

/** Which job is meant: by its name, by its store, or as the only one there is. */
export interface JobQuery {
  /** Beginning of an id, a corpus, or the last part of a store. */
  readonly name?: string | undefined;
  /** A store's place, where the user gave one. */
  readonly store?: string | undefined;
}

/**
 * The jobs that are meant, the closest kind of match first: the id itself, a corpus or the last part of a store, the
 * beginning of an id. Of several, and without a name, those of the store.
 */
export function chooseJobs(jobs: readonly StoredJob[], { name, store }: JobQuery): readonly StoredJob[] {
  const isOfStore = ({ job }: StoredJob) => job.store === store;
  if (name === undefined) return store === undefined ? jobs.filter(isOfLive) : jobs.filter(isOfStore);
  const matches = [
    ({ id }: StoredJob) => id === name,
    (stored: StoredJob) => isOfLive(stored) && (stored.job.corpus === name || storeName(stored.job.store) === name),
    (stored: StoredJob) => isOfLive(stored) && name !== "" && stored.id.startsWith(name),
    ({ id }: StoredJob) => name !== "" && id.startsWith(name),
  ];
  const named = matches.map((isMatch) => jobs.filter(isMatch)).find((found) => found.length > 0) ?? [];
  const ofStore = named.filter(isOfStore);
  return ofStore.length > 0 ? ofStore : named;
}

/** A generation that is still being filled is meant only by its id or its store. */
function isOfLive({ job }: StoredJob): boolean {
  return !generationMark.test(job.store);
}

const generationMark = /#[^#/\\]*$/;

/** `qdrant://host:6333/handbook` → `handbook`; a folder's base name; without the generation that may follow. */
function storeName(store: string): string {
  return decodeURIComponentSafely(
    store
      .replace(generationMark, "")
      .replace(/\/+$/, "")
      .split(/[/\\:]/)
      .at(-1) ?? "",
  );
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
