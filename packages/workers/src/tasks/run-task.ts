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
import type { Pair, WindowTokenizer } from "../tokenize/windows.js";
import type { SeenWindow, TextTask } from "./task.js";

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

interface PlacedRow {
  readonly path: string;
  readonly row: Row;
}

async function* groupsOf({ source, fields, limits }: TaskContext): AsyncGenerator<readonly PlacedRow[]> {
  let group: PlacedRow[] = [];
  let characters = 0;
  for await (const object of source.list()) {
    const open = await source.open(object);
    try {
      for await (const row of readableRows(parseObject(open, fields, limits), object.key)) {
        group.push({ path: object.key, row });
        characters += "error" in row ? 0 : row.document.text.length;
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

interface Wanted {
  readonly pairs: readonly Pair[];
  readonly error?: MillraceError;
}

async function judge(context: TaskContext, group: readonly PlacedRow[]): Promise<TaskLines> {
  const { task, tokenizer, encoder, stop } = context;
  const wanted = group.map(({ row }) => wantedOf(task, row));
  const cut = await tokenizer.windows(wanted.flatMap(({ pairs }) => pairs));
  const seen = cut.map((windows) => {
    if (windows instanceof MillraceError) return windows;
    const used = task.seesAll ? windows : windows.slice(0, 1);
    return used.map((window) => ({ window, logits: new Float32Array() }));
  });
  const all = seen.flatMap((windows) => (windows instanceof MillraceError ? [] : windows));
  const failed = await runRows(
    encoder,
    all.map(({ window }) => window),
    {
      signal: stop,
      onRow: (row, logits) => {
        (all[row] as { logits: Float32Array }).logits = logits;
      },
    },
  );
  const failures = new Map([...failed].map(([row, error]) => [all[row] as SeenWindow, error]));
  let next = 0;
  const lines = group.map(({ path, row }, index): TaskLine => {
    const { pairs, error } = wanted[index] as Wanted;
    const own = seen.slice(next, next + pairs.length);
    const cuts = cut.slice(next, next + pairs.length);
    next += pairs.length;
    const place = { path, id: "error" in row ? String(row.row) : row.document.key };
    const why = error ?? errorOf(own, failures);
    if (why !== undefined) return { ...place, error: { code: why.code, message: why.message } };
    const isCut = !task.seesAll && cuts.some((windows) => !(windows instanceof MillraceError) && windows.length > 1);
    return {
      ...place,
      ...task.resultOf(pairs, own as readonly (readonly SeenWindow[])[]),
      ...(isCut && { truncated: true }),
      ...keptOf(context, row),
    };
  });
  return { lines, tokens: all.reduce((sum, { window }) => sum + window.ids.length, 0) };
}

function wantedOf(task: TextTask, row: Row): Wanted {
  if ("error" in row) return { pairs: [], error: row.error };
  try {
    return { pairs: task.pairsOf(row.document) };
  } catch (cause) {
    const error = asMillraceError(cause, "E_ROW_FIELD", "the row cannot be used");
    if (error.facts.scope !== "row") throw error;
    return { pairs: [], error };
  }
}

function errorOf(
  seen: readonly (readonly SeenWindow[] | MillraceError)[],
  failures: ReadonlyMap<SeenWindow, MillraceError>,
): MillraceError | undefined {
  for (const windows of seen) {
    if (windows instanceof MillraceError) return windows;
    const failed = windows.find((window) => failures.has(window));
    if (failed !== undefined) return failures.get(failed);
  }
  return undefined;
}

function keptOf({ kept }: TaskContext, row: Row): { readonly payload?: Document["payload"] } {
  if (kept.length === 0 || "error" in row) return {};
  const isKept = (name: string) => kept.includes("*") || kept.includes(name);
  return { payload: Object.fromEntries(Object.entries(row.document.payload).filter(([name]) => isKept(name))) };
}
