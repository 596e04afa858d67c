import { compareKeys, type Generation, MillraceError } from "@millrace/core";
import { sha256 } from "../identity/digest.js";

/** The name a store's first generation gets: the fingerprint's first 8 hex digits. */
export function generationName(fingerprint: string): string {
  return (/^[0-9a-f]{8}/.test(fingerprint) ? fingerprint : sha256(fingerprint)).slice(0, 8);
}

/** A place with the generation that may follow it: a `#` behind the last slash. */
export interface GenerationPlace {
  readonly place: string;
  /** Undefined for the live one. */
  readonly generation?: string | undefined;
}

/** Reads `<place>#<generation>`. @throws E_CONFIG for a name that cannot be one of a file and a collection. */
export function splitGeneration(text: string): GenerationPlace {
  const [, place, generation] = /^(.*)#([^#/\\]*)$/s.exec(text) ?? [];
  if (place === undefined || generation === undefined) return { place: text };
  if (/^[A-Za-z0-9._-]{1,64}$/.test(generation)) return { place, generation };
  const fix =
    "Use at most 64 letters, digits, dots, dashes and underscores; end a folder whose own name has a # with /";
  throw new MillraceError("E_CONFIG", "the name of the generation is not allowed", { why: JSON.stringify(text), fix });
}

/** The place as the uri has it. */
export function joinGeneration({ place, generation }: GenerationPlace): string {
  return generation === undefined ? place : `${place}#${generation}`;
}

export function byName(generations: readonly Generation[]): readonly Generation[] {
  return [...generations].sort((a, b) => compareKeys(a.name, b.name));
}

/** E_STORE_MISSING for one generation of a store. */
export function generationMissing(place: string, name: string): MillraceError {
  return new MillraceError("E_STORE_MISSING", `there is no generation ${JSON.stringify(name)}`, { why: place });
}

/** The refusal to delete what answers searches. */
export function generationIsLive(place: string, name: string): MillraceError {
  const why = `${place} is searched through it`;
  return new MillraceError("E_USAGE", `generation ${name} is live`, { why, fix: "Promote another one first" });
}
