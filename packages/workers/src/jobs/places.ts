import { resolve } from "node:path";
import type { Job } from "@millrace/core";
import { canonicalJson, sha256 } from "../identity/digest.js";
import { generationOf, storeWithGeneration } from "../sinks/create.js";

/**
 * A job's id: it follows from corpus and store, so that jobs that share a work root do not share a manifest. That of a job
 * that fills a generation which is not live has the generation behind it.
 */
export function jobIdOf({ corpus, store }: Pick<Job, "corpus" | "store">): string {
  const generation = generationOf(store);
  const live = storeWithGeneration(store, undefined);
  const id = sha256(canonicalJson([corpus, live])).slice(0, 16);
  return generation === undefined ? id : `${id}-${generation}`;
}

/** Where the work of this name lies: below the work root. */
export function workPlace(root: string, name: string): string {
  return root.startsWith("s3://") ? `${root.replace(/\/+$/, "")}/${name}` : resolve(root, name);
}

/** Name of a work place below its root. */
export function workName(work: string): string {
  return work.split(/[/\\]/).at(-1) ?? "";
}

/** The work root of a work place. */
export function workRoot(work: string): string {
  return work.slice(0, -workName(work).length - 1);
}
