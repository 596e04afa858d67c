/** Keys and values of rows that are decoded together. */
export interface ArenaShape {
  /** Rows at the same time; there is one more slot, in which prompts are read. */
  readonly slots: number;
  /** Tokens of one row. */
  readonly capacity: number;
}

/** What decides an arena's shape. */
export interface ArenaLimits {
  /** Bytes of keys and values for one token of one row. */
  readonly bytesPerToken: number;
  /** What all slots may take. */
  readonly memoryBytes: number;
  readonly maximumRows: number;
  /** Rows that a run of one token for each has at least, with rows of no use where there are fewer. */
  readonly leastRows: number;
  /** Tokens of the longest row the model takes. */
  readonly contextLength: number;
}

const leastCapacity = 256;

/**
 * The most rows whose longest has so many tokens. Capacities are powers of two, so that arenas are seldom made anew, and
 * shorter only where memory would not hold one row else. Undefined where it holds none.
 */
export function planArena(tokens: number, limits: ArenaLimits): ArenaShape | undefined {
  const powers = 2 ** Math.ceil(Math.log2(Math.max(leastCapacity, tokens)));
  const roomy = Math.min(powers, Math.max(limits.contextLength, tokens));
  return [roomy, tokens]
    .map((capacity) => ({ capacity, slots: Math.min(mostSlots(limits), slotsOf(capacity, limits)) }))
    .find(({ slots }) => slots >= limits.leastRows);
}

/** Bytes of an arena, the staging slot included. */
export function arenaBytes({ slots, capacity }: ArenaShape, bytesPerToken: number): number {
  return (slots + 1) * capacity * bytesPerToken;
}

function mostSlots({ maximumRows, leastRows }: ArenaLimits): number {
  return Math.max(maximumRows, leastRows);
}

function slotsOf(capacity: number, { memoryBytes, bytesPerToken }: ArenaLimits): number {
  return Math.floor(memoryBytes / (capacity * bytesPerToken)) - 1;
}
