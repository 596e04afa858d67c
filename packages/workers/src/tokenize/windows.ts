import { readFile } from "node:fs/promises";
import { toUSVString } from "node:util";
import { MillraceError } from "@millrace/core";
import { type Encoding, Tokenizer as NativeTokenizer } from "tokenizers";
import type { TokenRow } from "../engines/run-rows.js";
import { toTokenSpans } from "./token-spans.js";

/** What a model is to see at once: a text, or two that are set apart. */
export type Pair = readonly [string] | readonly [string, string];

/** A part of a text that the model takes at once, special tokens included. */
export interface TextWindow extends TokenRow {
  /** Which of the pair's texts each token is of; -1 for special tokens. */
  readonly sides: Int8Array;
  /** Where each token begins and ends in its text, in UTF-16 units. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Number of the word that each token is of, as the tokenizer divides words; -1 where it is of none. */
  readonly words: Int32Array;
}

export interface WindowOptions {
  /** Most tokens in a window, special tokens included. */
  readonly maxTokens: number;
  /** Tokens that a window repeats from the one before. */
  readonly overlap: number;
  /** The one of the pair's texts that windows are cut from; the other one is whole in each of them. */
  readonly cutSide: 0 | 1;
  /** Whether the model is told which of the texts a token is of. */
  readonly hasSegments: boolean;
}

/** Divides texts into tokens, and those into windows that a model takes. */
export interface WindowTokenizer {
  /** The windows of each pair, in order; an error where the text that must stay whole leaves no room for the other. */
  windows(pairs: readonly Pair[]): Promise<readonly (readonly TextWindow[] | MillraceError)[]>;
}

/** @throws E_MODEL_INVALID where the tokenizer cannot be loaded, E_CONFIG where the overlap leaves no room to go on */
export async function loadWindowTokenizer(path: string, options: WindowOptions): Promise<WindowTokenizer> {
  if (options.overlap >= options.maxTokens) throw overlapError(options);
  const native = await loadNative(path);
  return {
    windows: async (pairs) => {
      const wellFormed = pairs.map((pair) => pair.map(toUSVString) as unknown as Pair);
      // The binding takes pairs one by one only.
      const encodings = wellFormed.map(([first, second]) => native.encode(first, second ?? null));
      return (await Promise.all(encodings)).map((encoding, index) => {
        const whole = rowOf(encoding, wellFormed[index] as Pair);
        const ranges = planWindows(whole.sides, options);
        if (ranges instanceof MillraceError) return ranges;
        return ranges.map((tokens) => windowOf(whole, tokens, options.hasSegments));
      });
    },
  };
}

/** Its own truncation is off: it forgets what lies behind the longest row instead of making windows of it. */
async function loadNative(path: string): Promise<NativeTokenizer> {
  try {
    const native = NativeTokenizer.fromString(await readFile(path, "utf8"));
    native.disableTruncation();
    native.disablePadding();
    return native;
  } catch (cause) {
    throw new MillraceError("E_MODEL_INVALID", `the tokenizer ${path} cannot be loaded`, {
      why: cause instanceof Error ? cause.message : String(cause),
      fix: "Bring a complete model directory with the tokenizer.json of a fast tokenizer.",
      cause,
    });
  }
}

/** All tokens of a pair, however many. */
type WholeRow = Required<TextWindow>;

function rowOf(encoding: Encoding, pair: Pair): WholeRow {
  const ids = Int32Array.from(encoding.getIds());
  const isSpecial = encoding.getSpecialTokensMask();
  const sides = Int8Array.from(encoding.getSequenceIds(), (side, index) => (isSpecial[index] ? -1 : (side ?? -1)));
  const starts = new Int32Array(ids.length);
  const ends = new Int32Array(ids.length);
  const offsets = encoding.getOffsets();
  for (const [side, text] of pair.entries()) {
    const places = placesOf(sides, side);
    const of = <Value>(values: ArrayLike<Value>) => places.map((index) => values[index] as Value);
    const spans = toTokenSpans(text, of(ids), of(offsets));
    for (const [order, index] of places.entries()) {
      starts[index] = spans.starts[order] ?? 0;
      ends[index] = spans.ends[order] ?? 0;
    }
  }
  const words = Int32Array.from(encoding.getWordIds(), (word) => word ?? -1);
  return { ids, segments: Int32Array.from(encoding.getTypeIds()), sides, starts, ends, words };
}

function placesOf(sides: Int8Array, side: number): readonly number[] {
  return [...sides.keys()].filter((index) => sides[index] === side);
}

/**
 * The tokens of each window, as transformers cuts them: all that is not of the text to be cut, and as much of that as there
 * is room for.
 * @returns an error where the text has no token, or windows would not get any further
 */
function planWindows(sides: Int8Array, options: WindowOptions): readonly (readonly number[])[] | MillraceError {
  const { maxTokens, overlap, cutSide } = options;
  const cut = placesOf(sides, cutSide);
  const others = [...sides.keys()].filter((index) => sides[index] !== cutSide);
  const room = maxTokens - others.length;
  if (cut.length === 0) return noToken();
  if (cut.length <= room) return [[...sides.keys()]];
  if (room <= overlap) return noRoom(others.length, options);
  const windows: (readonly number[])[] = [];
  for (let start = 0; windows.length === 0 || start + overlap < cut.length; start += room - overlap) {
    const tokens = [...others, ...cut.slice(start, start + room)];
    windows.push(tokens.sort((left, right) => left - right));
  }
  return windows;
}

function windowOf(whole: WholeRow, tokens: readonly number[], hasSegments: boolean): TextWindow {
  const of = (values: Int32Array) => Int32Array.from(tokens, (token) => values[token] ?? 0);
  return {
    ids: of(whole.ids),
    ...(hasSegments && { segments: of(whole.segments) }),
    sides: Int8Array.from(tokens, (token) => whole.sides[token] ?? -1),
    starts: of(whole.starts),
    ends: of(whole.ends),
    words: of(whole.words),
  };
}

function overlapError({ maxTokens, overlap }: WindowOptions): MillraceError {
  return new MillraceError("E_CONFIG", "windows would not get any further through a text", {
    why: `each has ${maxTokens} tokens and repeats ${overlap}`,
    fix: "Choose a smaller --overlap, or a larger --max-tokens.",
  });
}

function noToken(): MillraceError {
  return new MillraceError("E_ROW_CHUNK", "the text has no token", {
    why: "the model's tokenizer finds nothing in it",
    fix: "Leave the row out.",
  });
}

function noRoom(tokens: number, { maxTokens, overlap }: WindowOptions): MillraceError {
  return new MillraceError("E_ROW_CHUNK", "there is too little room for the text in a window", {
    why: `a window has ${maxTokens} tokens and repeats ${overlap}, and ${tokens} are of what it always holds`,
    fix: "Shorten the question or label, or choose a smaller --overlap or a larger --max-tokens.",
  });
}
