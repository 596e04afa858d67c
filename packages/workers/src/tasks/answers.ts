import type { TextWindow } from "../tokenize/windows.js";
import { softmax } from "./probabilities.js";

/** A part of a context that answers a question; empty (0 to 0) where none does. */
export interface SpanAnswer {
  /** Probability of its first token times that of its last, each among those of its window. */
  readonly score: number;
  /** UTF-16 offsets in the context. */
  readonly start: number;
  readonly end: number;
}

/** A window of a context with its question, and the logits of its tokens: `tokens × 2`, start and end. */
export interface QuestionedWindow {
  readonly window: Pick<TextWindow, "sides" | "starts" | "ends" | "words">;
  readonly logits: Float32Array;
}

export interface AnswerWishes {
  /** Answers to give. */
  readonly top: number;
  /** Most tokens in an answer. */
  readonly maxAnswerTokens: number;
  /** Whether "there is no answer" may be one, as in SQuAD 2.0: the model then points to the window's first token. */
  readonly allowsNone: boolean;
}

/**
 * The likeliest answers, likeliest first, widened to whole words. Spans are chosen as transformers' `select_starts_ends` and
 * `decode_spans` choose them; a span that several windows hold counts once, as likely as in the likeliest of them, and
 * that there is no answer is as likely as in the unlikeliest.
 */
export function findAnswers(windows: readonly QuestionedWindow[], wishes: AnswerWishes): readonly SpanAnswer[] {
  const judged = windows.map((window) => ({ window, ...probabilitiesOf(window) }));
  const none = Math.min(...judged.map(({ starts, ends }) => (starts[0] ?? 0) * (ends[0] ?? 0)));
  const spans = judged.flatMap((each) => spansOf(each, wishes));
  const all = wishes.allowsNone ? [...spans, { score: none, start: 0, end: 0 }] : spans;
  return distinct(all.sort((left, right) => right.score - left.score)).slice(0, wishes.top);
}

interface WindowProbabilities {
  readonly window: QuestionedWindow;
  /** Of each token; 0 for the question's. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** Only the context's tokens, and the first one, which stands for no answer, are among the alternatives. */
function probabilitiesOf({ window, logits }: QuestionedWindow): Omit<WindowProbabilities, "window"> {
  const { sides } = window;
  const of = (column: 0 | 1) =>
    softmax(
      Array.from(sides, (side, index) => {
        const isPossible = side === 1 || (index === 0 && side === -1);
        return isPossible ? (logits[index * 2 + column] ?? 0) : Number.NEGATIVE_INFINITY;
      }),
    );
  return { starts: of(0), ends: of(1) };
}

interface Span {
  readonly first: number;
  readonly last: number;
  readonly score: number;
}

function spansOf(
  { window: { window }, starts, ends }: WindowProbabilities,
  { top, maxAnswerTokens }: AnswerWishes,
): readonly SpanAnswer[] {
  const best: Span[] = [];
  const places = [...window.sides.keys()].filter((index) => window.sides[index] === 1);
  for (const first of places) {
    for (let last = first; last < first + maxAnswerTokens && window.sides[last] === 1; last += 1) {
      const score = (starts[first] ?? 0) * (ends[last] ?? 0);
      if (best.length < top || score > (best.at(-1)?.score ?? 0)) insert(best, { first, last, score }, top);
    }
  }
  return best.map(({ first, last, score }) => ({
    score,
    start: window.starts[edgeOfWord(window, first, -1)] ?? 0,
    end: window.ends[edgeOfWord(window, last, 1)] ?? 0,
  }));
}

/** Keeps the best, best first; of equal ones the one that came first. */
function insert(best: Span[], span: Span, top: number): void {
  const place = best.findIndex(({ score }) => score < span.score);
  best.splice(place < 0 ? best.length : place, 0, span);
  if (best.length > top) best.pop();
}

/** The first or last token of the word that a token is of. */
function edgeOfWord({ sides, words }: QuestionedWindow["window"], token: number, direction: 1 | -1): number {
  const word = words[token];
  let edge = token;
  while (word !== -1 && words[edge + direction] === word && sides[edge + direction] === 1) edge += direction;
  return edge;
}

function distinct(answers: readonly SpanAnswer[]): readonly SpanAnswer[] {
  const known = new Set<string>();
  return answers.filter(({ start, end }) => {
    const name = `${start} ${end}`;
    if (known.has(name)) return false;
    known.add(name);
    return true;
  });
}
