import { type Encoder, type JudgingTask, MillraceError } from "@millrace/core";
import { runRows } from "../engines/run-rows.js";
import type { AnswerRows, WantedAnswer } from "../generate/answerer.js";
import type { JournalEntry } from "../generate/journal.js";
import { toPlainError } from "../hosts/messages.js";
import type { TextWindow, WindowTokenizer } from "../tokenize/windows.js";
import { seesAll, type TextTask } from "./task.js";
import type { RowTexts } from "./texts-of-row.js";

/** A model with a head, and what it is asked of each row. */
export interface Judge {
  readonly name: JudgingTask["name"];
  readonly task: TextTask;
  readonly tokenizer: WindowTokenizer;
  readonly encoder: Encoder;
}

/** Rows in one group: enough of each length, and little to keep in memory. */
const groupLimits = { rows: 256, characters: 1 << 18 };
/** Groups under way at once: one is divided into tokens while the model works on the other. */
const groupsUnderWay = 2;

/** Lets the model judge rows, some of them at a time. @param stop ends the work with its reason */
export function judgeRows(judge: Judge, stop?: AbortSignal): AnswerRows {
  return async (wanted, take) => {
    const groups = groupsOf(wanted);
    const lane = async () => {
      for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
        stop?.throwIfAborted();
        take(await judgeGroup(judge, group, stop));
      }
    };
    // A lane that ends has taken the last group, or failed: then the other takes no more.
    const lanes = Array.from({ length: groupsUnderWay }, () => lane().finally(() => groups.splice(0)));
    const outcomes = await Promise.allSettled(lanes);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  };
}

/** A row, and what it is judged by. */
interface Judged {
  readonly place: number;
  readonly texts: RowTexts;
}

function groupsOf(wanted: readonly WantedAnswer[]): (readonly Judged[])[] {
  const groups: Judged[][] = [];
  let characters = 0;
  for (const { prompt, place } of wanted) {
    const texts = JSON.parse(prompt.prompt) as RowTexts;
    const last = groups.at(-1);
    const isFull = last === undefined || last.length === groupLimits.rows || characters >= groupLimits.characters;
    if (isFull) groups.push([{ place, texts }]);
    else last.push({ place, texts });
    characters = (isFull ? 0 : characters) + prompt.prompt.length;
  }
  return groups;
}

async function judgeGroup(
  judge: Judge,
  group: readonly Judged[],
  stop: AbortSignal | undefined,
): Promise<readonly JournalEntry[]> {
  const { name, task, tokenizer } = judge;
  const pairs = group.map(({ texts }) => task.pairsOf(texts));
  const cut = await tokenizer.windows(pairs.flat());
  const seen = cut.map((windows) => seenPairOf(windows, seesAll(name)));
  await see(judge, seen, stop);
  let next = 0;
  return group.map((row, index) => {
    const own = seen.slice(next, next + (pairs[index]?.length ?? 0));
    next += own.length;
    return entryOf(task, row, own);
  });
}

/** What the model is to see of a pair, and then what it made of that, or why it could not. */
interface SeenPair {
  readonly windows: readonly { readonly window: TextWindow; logits: Float32Array }[];
  /** Whether there is more of it than the model sees. */
  readonly isCut: boolean;
  error: MillraceError | undefined;
}

function seenPairOf(windows: readonly TextWindow[] | MillraceError, isWhole: boolean): SeenPair {
  if (windows instanceof MillraceError) return { windows: [], isCut: false, error: windows };
  const used = isWhole ? windows : windows.slice(0, 1);
  return {
    windows: used.map((window) => ({ window, logits: new Float32Array() })),
    isCut: used.length < windows.length,
    error: undefined,
  };
}

/** Lets the model see the pairs. */
async function see({ encoder }: Judge, pairs: readonly SeenPair[], signal: AbortSignal | undefined): Promise<void> {
  const all = pairs.flatMap((pair) => pair.windows.map((seen) => ({ pair, seen })));
  const rows = all.map(({ seen }) => seen.window);
  const failed = await runRows(encoder, rows, {
    ...(signal && { signal }),
    onRow: (row, logits) => {
      const place = all[row];
      if (place !== undefined) place.seen.logits = logits;
    },
  });
  for (const [row, error] of failed) {
    const place = all[row];
    if (place !== undefined) place.pair.error ??= error;
  }
}

function entryOf(task: TextTask, { place, texts }: Judged, seen: readonly SeenPair[]): JournalEntry {
  const base = { place, sequence: 0, generatedTokens: 0 };
  const error = seen.find((pair) => pair.error !== undefined)?.error;
  if (error !== undefined) return { ...base, text: "", error: toPlainError(error) };
  const windows = seen.map((pair) => pair.windows);
  const result = { ...task.resultOf(texts, windows), ...(seen.some(({ isCut }) => isCut) && { truncated: true }) };
  const promptTokens = windows.flat().reduce((sum, { window }) => sum + window.ids.length, 0);
  return { ...base, text: JSON.stringify(result), promptTokens };
}
