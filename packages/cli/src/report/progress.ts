import { formatBytes, formatCount, formatCountOf, formatDuration } from "./format.js";

/** How far a run is. Totals are absent while nobody knows them. */
export interface ProgressState {
  /** What is counted as documents where it is something else: `prompt`. */
  readonly noun?: string;
  readonly documents: number;
  readonly documentsTotal?: number;
  readonly chunks: number;
  readonly tokens: number;
  readonly tokensTotal?: number;
  /** Documents that were in the store already. */
  readonly unchanged: number;
  readonly quarantined: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** What is going on: `listing`, `encoding`. */
  readonly phase: string;
}

/** What the clock says about a state. */
export interface ProgressClock {
  readonly elapsedMs: number;
  /** Over the recent past; undefined while there is too little of it. */
  readonly tokensPerSecond?: number | undefined;
  /** Undefined while it cannot be said, and where nothing moves. */
  readonly remainingMs?: number | undefined;
}

/** Work done in a span of time, in any unit. */
export interface Pace {
  readonly work: number;
  readonly milliseconds: number;
}

/** A pace measured over less than this says nothing yet. */
const shortestPaceMs = 1_000;

/**
 * Milliseconds until `rest` is done, by the slower of two paces: since the beginning, and lately. Undefined where either
 * is too short to tell or has done nothing.
 */
export function estimateRemaining(
  rest: number,
  paces: { readonly lifetime: Pace; readonly recent: Pace },
): number | undefined {
  if (rest <= 0) return 0;
  const estimates = [paces.lifetime, paces.recent].map(({ work, milliseconds }) =>
    work > 0 && milliseconds >= shortestPaceMs ? (rest * milliseconds) / work : Number.POSITIVE_INFINITY,
  );
  const slower = Math.max(...estimates);
  return Number.isFinite(slower) ? slower : undefined;
}

/** A state and when it was seen. */
export interface ProgressSample {
  readonly atMs: number;
  readonly state: ProgressState;
}

/** The first sample and those of the recent past, oldest first. What was done before the first counts for no pace. */
export interface ProgressHistory {
  readonly first: ProgressSample;
  readonly recent: readonly ProgressSample[];
}

const recentMs = 30_000;
const sampleEveryMs = 500;

/** Adds a sample, and lets those go that are no longer recent. Keeps about sixty. */
export function remember(history: ProgressHistory | undefined, sample: ProgressSample): ProgressHistory {
  if (history === undefined) return { first: sample, recent: [sample] };
  const last = history.recent.at(-1);
  if (last !== undefined && sample.atMs - last.atMs < sampleEveryMs) return history;
  const oldestUseful = history.recent.findLastIndex(({ atMs }) => sample.atMs - atMs >= recentMs);
  return { first: history.first, recent: [...history.recent.slice(Math.max(0, oldestUseful)), sample] };
}

/** Paces and the time that is left, of the newest sample. */
export function readClock({ first, recent }: ProgressHistory, { atMs, state }: ProgressSample): ProgressClock {
  const since = (from: ProgressSample, measure: (state: ProgressState) => number): Pace => ({
    work: measure(state) - measure(from.state),
    milliseconds: atMs - from.atMs,
  });
  const oldest = recent[0] ?? first;
  const { measure, total } = measureOf(state);
  const lately = since(oldest, ({ tokens }) => tokens);
  return {
    elapsedMs: atMs - first.atMs,
    tokensPerSecond:
      lately.milliseconds < shortestPaceMs ? undefined : Math.max(0, lately.work * 1000) / lately.milliseconds,
    ...(total > 0 && {
      remainingMs: estimateRemaining(total - measure(state), {
        lifetime: since(first, measure),
        recent: since(oldest, measure),
      }),
    }),
  };
}

/** Tokens say best how much work is left; before they are counted, bytes do, or documents where bytes say nothing. */
function measureOf(state: ProgressState): { measure: (state: ProgressState) => number; total: number } {
  const { tokensTotal, bytesTotal, documentsTotal } = state;
  if (tokensTotal !== undefined) return { measure: ({ tokens }) => tokens, total: tokensTotal };
  if (bytesTotal === 0 && documentsTotal !== undefined)
    return { measure: ({ documents }) => documents, total: documentsTotal };
  return { measure: ({ bytesDone }) => bytesDone, total: bytesTotal };
}

/** What is done of what there is to do, as far as can be told: 0 to 1. */
export function shareOf(state: ProgressState): number {
  const { measure, total } = measureOf(state);
  return total > 0 ? Math.min(1, measure(state) / total) : 0;
}

export type ProgressStyle = "plain" | "phase" | "warning";

export interface ProgressLook {
  /** Parts of least worth are left out until the line fits. */
  readonly columns?: number;
  /** Colours a part; must not change its width. */
  readonly paint?: (text: string, style: ProgressStyle) => string;
}

/** One line about a run. */
export function formatProgress(
  state: ProgressState,
  clock: ProgressClock,
  { columns = Number.POSITIVE_INFINITY, paint = (text) => text }: ProgressLook = {},
): string {
  const parts = partsOf(state, clock);
  while (parts.length > 1 && widthOf(parts) > columns) {
    const least = Math.max(...parts.map(({ rank }) => rank));
    parts.splice(
      parts.findIndex(({ rank }) => rank === least),
      1,
    );
  }
  const only = parts.length === 1 ? parts[0] : undefined;
  if (only !== undefined) return paint(only.text.slice(0, columns), only.style);
  return parts.map(({ text, style }) => paint(text, style)).join(separator);
}

interface ProgressPart {
  readonly text: string;
  readonly style: ProgressStyle;
  /** 0 is what is left out last. */
  readonly rank: number;
}

const separator = " · ";

function widthOf(parts: readonly ProgressPart[]): number {
  return parts.reduce((width, { text }) => width + text.length, separator.length * (parts.length - 1));
}

function partsOf(state: ProgressState, clock: ProgressClock): ProgressPart[] {
  const { noun = "document", documents, documentsTotal, unchanged, quarantined, bytesDone, bytesTotal } = state;
  const part = (text: string, rank: number, style: ProgressStyle = "plain") => ({ text, rank, style });
  const { measure, total } = measureOf(state);
  const isRated = clock.tokensPerSecond !== undefined && state.tokens > 0;
  return [
    part(state.phase, 3, "phase"),
    ...(total > 0 ? [part(`${Math.min(100, Math.floor((measure(state) * 100) / total))}%`, 2)] : []),
    part(documentsTotal === undefined ? formatCountOf(documents, noun) : ofTotal(documents, documentsTotal, noun), 0),
    ...(isRated ? [part(`${formatCount(clock.tokensPerSecond ?? 0)} tokens/s`, 4)] : []),
    ...(bytesTotal > 0 ? [part(`${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`, 7)] : []),
    ...(clock.remainingMs !== undefined ? [part(`${formatDuration(clock.remainingMs)} left`, 1)] : []),
    part(`${formatDuration(clock.elapsedMs)} elapsed`, 8),
    ...(unchanged > 0 ? [part(`${formatCount(unchanged)} unchanged`, 6)] : []),
    ...(quarantined > 0 ? [part(`${formatCount(quarantined)} quarantined`, 5, "warning")] : []),
  ];
}

function ofTotal(documents: number, total: number, noun: string): string {
  return `${formatCount(documents)} of ${formatCountOf(total, noun)}`;
}

/** All there is to do, if what was not read is like what was; undefined where nothing was. @param known what the bytes that are done held */
export function estimatedTotal(
  known: number,
  { done, total }: { readonly done: number; readonly total: number },
): number | undefined {
  if (known === 0 || done === 0) return undefined;
  return Math.round((known * Math.max(done, total)) / done);
}
