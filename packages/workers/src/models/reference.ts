import { homedir } from "node:os";
import { resolve } from "node:path";
import type { KnownModel } from "./model.js";

/** What a user's `--model` can mean. */
export type ModelReference =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "known"; readonly model: KnownModel }
  | { readonly kind: "hub"; readonly id: string; readonly revision: string };

/**
 * Reads a model reference without looking at the disk: a path, a short name, or `org/name[@revision]`. A known model's
 * hub id without a revision means the pinned one.
 */
export function parseReference(reference: string, known: readonly KnownModel[]): ModelReference {
  if (isPathLike(reference)) return { kind: "directory", path: expandPath(reference) };
  const model = known.find(({ name, hub }) => name === reference || hub?.id === reference);
  if (model !== undefined) return { kind: "known", model };
  const parts = hubId.exec(reference);
  if (parts === null) return { kind: "directory", path: expandPath(reference) };
  return { kind: "hub", id: parts[1] as string, revision: parts[2] ?? "main" };
}

/** True for what can only be a path: `./model`, `/models/x`, `~/x`, `C:\x`. */
export function isPathLike(reference: string): boolean {
  return /^(\.{1,2}([\\/]|$)|[\\/~]|[A-Za-z]:[\\/])/.test(reference);
}

/** The absolute path, with a leading `~` as the home folder. */
export function expandPath(path: string): string {
  return resolve(path.replace(/^~(?=$|[\\/])/, homedir()));
}

/** `name` or `org/name`, then `@` and a branch, tag or commit. Segments begin with a letter or digit, so `..` is none. */
const hubId = /^([A-Za-z0-9][\w.-]*(?:\/[A-Za-z0-9][\w.-]*)?)(?:@([A-Za-z0-9][\w./-]*))?$/;
