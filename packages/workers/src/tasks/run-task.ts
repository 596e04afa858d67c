import {
  asMillraceError,
  type Document,
  type Encoder,
  type FieldMapping,
  type Json,
  MillraceError,
  type Row,
  type SizeLimits,
  type Source,
} from "@millrace/core";
import { runRows } from "../engines/run-rows.js";
import { parseObject } from "../formats/parse-object.js";
import { readableRows } from "../formats/readable-rows.js";
import type { Pair, TextWindow, WindowTokenizer } from "../tokenize/windows.js";
import type { TextTask } from "./task.js";

/** What a task is done with, opened. */
export interface TaskContext {
  readonly source: Source;
  readonly fields: FieldMapping;
  /** Fields that go into a row's line as they are. */
  readonly kept: readonly string[];
  readonly limits: SizeLimits;
  readonly task: TextTask;
  readonly tokenizer: WindowTokenizer;
  readonly encoder: Encoder;
  /** Ends the work with its reason. */
  readonly stop: AbortSignal;
}

/** What became of a row, as its line of the output has it. */
export interface TaskLine {
  /** Which object the row is of, and its id in it: the id field's value, or its number. */
  readonly path: string;
  readonly id: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly [field: string]: Json | undefined;
}

/** Lines of some rows, and the tokens that the model saw for them. */
export interface TaskLines {
  readonly lines: readonly TaskLine[];
  readonly tokens: number;
}

/** Rows in one group: enough of each length, and little to keep in memory. */
const groupLimits = { rows: 256, characters: 1 << 18 };
/** Groups under way at once: one is read and divided into tokens while the model works on the other. */
const groupsUnderWay = 2;

/** Does a task with each row of a source, in the source's order. A row that cannot be done gets a line that says why. */
export async function* runTask(context: TaskContext): AsyncGenerator<TaskLines> {
  const underWay: Promise<TaskLines>[] = [];
  for await (const group of groupsOf(context)) {
    context.stop.throwIfAborted();
    const judged = judge(context, group);
    // Who awaits it hears of an error; until then it is no unhandled one.
    judged.catch(() => {});
    underWay.push(judged);
    const [first] = underWay;
    if (underWay.length < groupsUnderWay || first === undefined) continue;
    yield await first;
    underWay.shift();
  }
  for (const judged of underWay) yield await judged;
}

/** A row, and what the model is to see of it or why it cannot. */
interface WantedRow {
  readonly path: string;
  readonly row: Row;
  readonly pairs: readonly Pair[];
  readonly error?: MillraceError;
}

async function* groupsOf({ source, fields, limits, task }: TaskContext): AsyncGenerator<readonly WantedRow[]> {
  let group: WantedRow[] = [];
  let characters = 0;
  for await (const object of source.list()) {
    const open = await source.open(object);
    try {
      for await (const row of readableRows(parseObject(open, fields, limits), object.key)) {
        const wanted = wantedOf(task, row);
        group.push({ path: object.key, row, ...wanted });
        characters += charactersOf(wanted.pairs);
        if (group.length < groupLimits.rows && characters < groupLimits.characters) continue;
        yield group;
        group = [];
        characters = 0;
      }
    } finally {
      await open.close();
    }
  }
  if (group.length > 0) yield group;
}

function charactersOf(pairs: readonly Pair[]): number {
  return pairs.flat().reduce((sum, text) => sum + text.length, 0);
}

async function judge(context: TaskContext, group: readonly WantedRow[]): Promise<TaskLines> {
  const { task, tokenizer } = context;
  const cut = await tokenizer.windows(group.flatMap(({ pairs }) => pairs));
  const seen = cut.map((windows) => seenPairOf(windows, task));
  const tokens = await see(context, seen);
  let next = 0;
  const lines = group.map((row) => {
    const own = seen.slice(next, next + row.pairs.length);
    next += row.pairs.length;
    return lineOf(context, row, own);
  });
  return { lines, tokens };
}

/** What the model is to see of a pair, and then what it made of that, or why it could not. */
interface SeenPair {
  readonly windows: readonly { readonly window: TextWindow; logits: Float32Array }[];
  /** Whether there is more of it than the model sees. */
  readonly isCut: boolean;
  error: MillraceError | undefined;
}

function seenPairOf(windows: readonly TextWindow[] | MillraceError, { seesAll }: TextTask): SeenPair {
  if (windows instanceof MillraceError) return { windows: [], isCut: false, error: windows };
  const used = seesAll ? windows : windows.slice(0, 1);
  return {
    windows: used.map((window) => ({ window, logits: new Float32Array() })),
    isCut: used.length < windows.length,
    error: undefined,
  };
}

/** Lets the model see the pairs. @returns the tokens it saw */
async function see({ encoder, stop }: TaskContext, pairs: readonly SeenPair[]): Promise<number> {
  const all = pairs.flatMap((pair) => pair.windows.map((seen) => ({ pair, seen })));
  const rows = all.map(({ seen }) => seen.window);
  const failed = await runRows(encoder, rows, {
    signal: stop,
    onRow: (row, logits) => {
      const place = all[row];
      if (place !== undefined) place.seen.logits = logits;
    },
  });
  for (const [row, error] of failed) {
    const place = all[row];
    if (place !== undefined) place.pair.error ??= error;
  }
  return rows.reduce((sum, { ids }) => sum + ids.length, 0);
}

function lineOf(context: TaskContext, { path, row, pairs, ...wanted }: WantedRow, seen: readonly SeenPair[]): TaskLine {
  const place = { path, id: "error" in row ? String(row.row) : row.document.key };
  const error = wanted.error ?? seen.find((pair) => pair.error !== undefined)?.error;
  if (error !== undefined) return { ...place, error: { code: error.code, message: error.message } };
  const result = context.task.resultOf(
    pairs,
    seen.map(({ windows }) => windows),
  );
  const isCut = seen.some((pair) => pair.isCut);
  return { ...place, ...result, ...(isCut && { truncated: true }), ...keptOf(context, row) };
}

function wantedOf(task: TextTask, row: Row): Pick<WantedRow, "pairs" | "error"> {
  if ("error" in row) return { pairs: [], error: row.error };
  try {
    return { pairs: task.pairsOf(row.document) };
  } catch (cause) {
    const error = asMillraceError(cause, "E_ROW_FIELD", "the row cannot be used");
    if (error.facts.scope !== "row") throw error;
    return { pairs: [], error };
  }
}

function keptOf({ kept }: TaskContext, row: Row): { readonly payload?: Document["payload"] } {
  if (kept.length === 0 || "error" in row) return {};
  const isKept = (name: string) => kept.includes("*") || kept.includes(name);
  return { payload: Object.fromEntries(Object.entries(row.document.payload).filter(([name]) => isKept(name))) };
}
