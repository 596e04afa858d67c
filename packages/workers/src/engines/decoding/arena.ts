import { sourceStep } from "@millrace/compiler";

/** Keys and values of rows that are decoded together. */
export interface ArenaShape {
  /** Rows at the same time; there is one more slot, in which prompts and sources are read. */
  readonly slots: number;
  /** Tokens of one row. */
  readonly capacity: number;
  /** Tokens of one row's source, a multiple of the compiler's `sourceStep`; 0 for a decoder alone. */
  readonly sources: number;
}

/** What a row takes of an arena. */
export interface RowNeeds {
  readonly tokens: number;
  /** Tokens of its source; 0 for a decoder alone. */
  readonly sources: number;
  /** Slots that it takes together. */
  readonly width: number;
}

/** What decides an arena's shape. */
export interface ArenaLimits {
  /** Bytes of keys and values for one token of one row. */
  readonly bytesPerToken: number;
  /** Bytes of keys and values for one token of one row's source. */
  readonly bytesPerSource: number;
  /** What all slots may take. */
  readonly memoryBytes: number;
  readonly maximumRows: number;
  /** Rows that a run of one token for each has at least, with rows of no use where there are fewer. */
  readonly leastRows: number;
  /** Tokens of the longest row the model takes. */
  readonly contextLength: number;
  /** Tokens of the longest source the model takes; 0 for a decoder alone. */
  readonly sourceLength: number;
}

const leastCapacity = 256;
const leastSources = 64;

/**
 * The most rows that each need so much. Capacities are powers of two, so that arenas are seldom made anew, and shorter only
 * where memory would not hold one row else. Undefined where it holds none.
 */
export function planArena({ tokens, sources, width }: RowNeeds, limits: ArenaLimits): ArenaShape | undefined {
  const least = Math.max(limits.leastRows, width);
  const most = Math.max(limits.maximumRows, least);
  const roomy = {
    capacity: Math.min(powerFrom(leastCapacity, tokens), Math.max(limits.contextLength, tokens)),
    sources: Math.min(powerFrom(leastSources, sources), filledUp(Math.max(limits.sourceLength, sources))),
  };
  return [roomy, { capacity: tokens, sources: filledUp(sources) }]
    .map((shape) => ({ ...shape, slots: Math.min(most, slotsOf(shape, limits)) }))
    .find(({ slots }) => slots >= least);
}

/** Bytes of an arena, the slot in which prompts are read included. */
export function arenaBytes({ slots, ...shape }: ArenaShape, bytes: SlotBytes): number {
  return (slots + 1) * slotBytes(shape, bytes);
}

/** Tokens that a source of so many takes: it is filled up to a multiple of the compiler's step. */
export function filledUp(sources: number): number {
  return Math.ceil(sources / sourceStep) * sourceStep;
}

type SlotBytes = Pick<ArenaLimits, "bytesPerToken" | "bytesPerSource">;

function slotsOf(shape: Omit<ArenaShape, "slots">, { memoryBytes, ...bytes }: ArenaLimits): number {
  return Math.floor(memoryBytes / slotBytes(shape, bytes)) - 1;
}

function slotBytes({ capacity, sources }: Omit<ArenaShape, "slots">, bytes: SlotBytes): number {
  return capacity * bytes.bytesPerToken + sources * bytes.bytesPerSource;
}

function powerFrom(least: number, count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(least, count)));
}
