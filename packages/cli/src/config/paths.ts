import { homedir } from "node:os";
import { isAbsolute, resolve } from "node:path";

/**
 * A path as it was meant from `base`: absolute where it has to be, `~` as the home folder. A store's kind
 * (`jsonl:<folder>`) stays in front; places that are no folders (`memory:`, `s3://`, `qdrant://`) stay as they are.
 */
export function resolvePath(path: string, { base, home = homedir() }: { base?: string; home?: string }): string {
  const [, kind = "", place = ""] = /^((?:lancedb|jsonl|parquet):)?(.*)$/s.exec(path) ?? [];
  if (/^[a-z][a-z0-9+.-]+:/i.test(place) || place === "-" || place === "") return path;
  const expanded = place.replace(/^~(?=$|[\\/])/, home);
  return kind + (base === undefined || isAbsolute(expanded) ? expanded : resolve(base, expanded));
}
