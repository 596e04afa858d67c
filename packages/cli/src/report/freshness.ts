import { formatAge } from "./format.js";

/** Seconds since a change; one in the future, by a clock that is wrong, is of now. */
export function ageSeconds(oldestChange: number, now: number): number {
  return Math.max(0, now - oldestChange) / 1000;
}

/** `oldest change not yet indexed is 3 h old`; undefined where there is none whose age is known. */
export function formatFreshness(oldestChange: number | undefined, now: number): string | undefined {
  if (oldestChange === undefined) return undefined;
  return `oldest change not yet indexed is ${formatAge(1000 * ageSeconds(oldestChange, now))} old`;
}
