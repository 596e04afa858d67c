import type { CorpusObject } from "./corpus.js";

/** When a shard is full. Small enough that an interrupted one is soon redone, large enough that its files are few. */
export interface ShardLimits {
  readonly objects: number;
  readonly bytes: number;
}

/** Cuts objects, in their order, into groups within the limits; an object larger than a shard stands alone. */
export function groupObjects(
  objects: readonly CorpusObject[],
  limits: ShardLimits,
): readonly (readonly CorpusObject[])[] {
  const groups: CorpusObject[][] = [];
  let bytes = 0;
  for (const object of objects) {
    const last = groups.at(-1);
    const isFull = last === undefined || last.length >= limits.objects || bytes + object.bytes > limits.bytes;
    if (isFull) groups.push([object]);
    else last.push(object);
    bytes = isFull ? object.bytes : bytes + object.bytes;
  }
  return groups;
}
