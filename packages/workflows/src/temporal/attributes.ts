import type { Job } from "@millrace/core";

/** What a Temporal server finds jobs by, where it keeps search attributes of these names. All are keywords. */
export const attributes = {
  corpus: "MillraceCorpus",
  store: "MillraceStore",
  model: "MillraceModel",
  /** `working`, `paused`, `committing` or `done`. */
  phase: "MillracePhase",
} as const;

/** What a job is found by, in plain. */
export function attributesOf({ corpus, store, model }: Job): Readonly<Record<string, string>> {
  return { [attributes.corpus]: corpus, [attributes.store]: store, [attributes.model]: model.reference };
}
