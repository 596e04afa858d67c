import type { Job } from "@millrace/core";

/** What a Temporal server finds jobs by, where it keeps search attributes of these names. All are keywords. */
export const attributes = {
  corpus: "MillraceCorpus",
  store: "MillraceStore",
  model: "MillraceModel",
  /** `working`, `paused`, `committing` or `done`. */
  phase: "MillracePhase",
} as const;

/** What a job is found by, in plain; by its store, whatever generation of it. */
export function attributesOf({ corpus, store, model }: Job): Readonly<Record<string, string>> {
  const place = store.replace(/#.*$/, "");
  return { [attributes.corpus]: corpus, [attributes.store]: place, [attributes.model]: model.reference };
}
