import { styleText } from "node:util";
import type { Log } from "@millrace/core";
import { printable } from "./report/printable.js";
import {
  formatProgress,
  type ProgressHistory,
  type ProgressState,
  type ProgressStyle,
  readClock,
  remember,
} from "./report/progress.js";

/** Shows a run on stderr; stdout is for data. */
export interface Reporter {
  /** Cheap: may be called for every document. */
  update(state: ProgressState): void;
  /** Writes a line above the progress. */
  line(text: string): void;
  /** Ends the progress; what is written afterwards begins on a line of its own. */
  finish(): void;
  /** With `--json`, writes `{"type": name, …data}` as one line on stdout. */
  event(name: string, data: object): void;
}

export type ReportMode = "terminal" | "lines" | "quiet";

export interface ReporterOptions {
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stdout: NodeJS.WritableStream;
  readonly mode: ReportMode;
  readonly isJson: boolean;
  /** Where lines and progress go in place of stderr. */
  readonly log?: Log | undefined;
  /** Milliseconds that only go forward. */
  readonly now?: () => number;
}

/** A terminal is redrawn ten times a second at most; a log gets a line every five seconds. */
const intervals: Readonly<Record<ReportMode, number>> = {
  terminal: 100,
  lines: 5_000,
  quiet: Number.POSITIVE_INFINITY,
};

/** What suits the stream: one line that is redrawn on a terminal, plain lines elsewhere. */
export function chooseMode(stderr: { readonly isTTY?: boolean }, isQuiet: boolean): ReportMode {
  if (isQuiet) return "quiet";
  return stderr.isTTY ? "terminal" : "lines";
}

export function createReporter(options: ReporterOptions): Reporter {
  const { stdout, mode, isJson } = options;
  const screen = createScreen(options);
  const pacer = createPacer(intervals[mode], {
    now: options.now ?? performance.now.bind(performance),
    draw: screen.draw,
  });
  return {
    update: mode === "quiet" ? () => undefined : pacer.update,
    line: (text) => {
      if (mode !== "quiet") screen.line(printable(text));
    },
    finish: () => {
      pacer.finish();
      screen.finish();
    },
    event: (name, data) => {
      if (isJson) stdout.write(`${JSON.stringify({ type: name, ...data })}\n`);
    },
  };
}

/** Formats a state for the width and the colours there are. */
type Draw = (state: ProgressState, history: ProgressHistory, atMs: number) => void;

interface Screen {
  readonly draw: Draw;
  line(text: string): void;
  finish(): void;
}

function createScreen({ stderr, mode, log }: ReporterOptions): Screen {
  if (log !== undefined) return createLogged(log);
  return mode === "terminal" ? createTerminal(stderr) : createLines(stderr);
}

/** Draws over the old text and clears only what is left of it, so that nothing flickers. */
function createTerminal(stderr: ReporterOptions["stderr"]): Screen {
  let drawn = "";
  const paint = (text: string, style: ProgressStyle) => paintFor(stderr, text, style);
  return {
    draw: (state, history, atMs) => {
      // A terminal that does not know its width says 0.
      const columns = Math.max(1, (stderr.columns || 80) - 1);
      const text = formatProgress(state, readClock(history, { state, atMs }), { columns, paint });
      if (text !== drawn) stderr.write(`\r${text}${clearToEnd}`);
      drawn = text;
    },
    line: (text) => void stderr.write(`\r${text}${clearToEnd}\n${drawn}`),
    finish: () => {
      if (drawn !== "") stderr.write(`\r${clearToEnd}`);
      drawn = "";
    },
  };
}

function createLines(stderr: ReporterOptions["stderr"]): Screen {
  return {
    draw: (state, history, atMs) => {
      stderr.write(`${formatProgress(state, readClock(history, { state, atMs }))}\n`);
    },
    line: (text) => void stderr.write(`${text}\n`),
    finish: () => undefined,
  };
}

function createLogged(log: Log): Screen {
  return {
    draw: ({ noun: _, ...state }, history, atMs) => {
      const { tokensPerSecond } = readClock(history, { state, atMs });
      log.write("info", "progress", {
        ...state,
        ...(tokensPerSecond && { tokensPerSecond: Math.round(tokensPerSecond) }),
      });
    },
    line: (text) => log.write("info", text),
    finish: () => undefined,
  };
}

const clearToEnd = "\u001b[K";

/** `styleText` looks at the stream, NO_COLOR and FORCE_COLOR itself. */
function paintFor(stream: NodeJS.WritableStream, text: string, style: ProgressStyle): string {
  if (style === "plain") return text;
  return styleText(style === "warning" ? "yellow" : "bold", text, { stream });
}

/**
 * Draws at once where the last drawing is long enough ago, otherwise when it will be, with the state that is newest
 * then. In a log the first line waits for one interval: a short run says nothing.
 */
function createPacer(interval: number, { now, draw }: { now: () => number; draw: Draw }) {
  let history: ProgressHistory | undefined;
  let latest: ProgressState | undefined;
  let lastDrawnMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const drawLatest = () => {
    clearTimeout(timer);
    timer = undefined;
    if (latest === undefined || history === undefined) return;
    lastDrawnMs = now();
    draw(latest, history, lastDrawnMs);
    latest = undefined;
  };
  return {
    update: (state: ProgressState) => {
      const atMs = now();
      history = remember(history, { atMs, state });
      latest = state;
      lastDrawnMs ??= interval > 1_000 ? atMs : atMs - interval;
      const waitMs = interval - (atMs - lastDrawnMs);
      if (waitMs <= 0) drawLatest();
      else timer ??= setTimeout(drawLatest, waitMs).unref();
    },
    finish: () => clearTimeout(timer),
  };
}
