import type { FinishReason, GeneratedRow, GenerateRequest, TokenLogprob } from "@millrace/core";
import type { Fork, ScheduledRow } from "./scheduler.js";

/** What a run of the model says of the token after a row's last one. */
export interface Scores {
  /** The id of the first of the highest logits. */
  readonly best: number;
  /** One for each id; may be changed by whoever takes them. Undefined where they were not asked for. */
  readonly logits?: Float32Array;
}

/** An answer that has no text yet. */
export interface Answer {
  /** The token of the prompt that it goes on from; none where an encoder has read the prompt. */
  readonly before: number | undefined;
  readonly ids: readonly number[];
  readonly finishReason: FinishReason;
  readonly logprobs?: readonly TokenLogprob[];
  readonly score?: number;
}

/** What became of a row by a run's scores. */
export interface Taken {
  /** Branches that go on from others, before the next run. */
  readonly forks: readonly Fork[];
  /** Best first, once there are any: the row is finished then. */
  readonly answers?: readonly Answer[];
}

/** A request as far as it is answered, in one slot or several. */
export interface AnsweredRow extends ScheduledRow {
  readonly request: GenerateRequest;
  /** Whether the best token alone does not tell which one is next. */
  readonly wantsLogits: boolean;
  /** Tokens whose keys and values are there when the next run begins. */
  readonly past: number;
  /** The token that the next run takes of a branch. */
  lastOf(branch: number): number;
  /** Decides what comes next. @param scores of each branch, or of the one that stands for all while they are alike */
  take(scores: readonly Scores[]): Taken;
}

/** What a request's decoder begins with, what its encoder reads, and how much room both need. */
export function beginningOf(
  { promptIds, decoding }: GenerateRequest,
  { start, width }: { readonly start: number | undefined; readonly width: number },
): ScheduledRow {
  const ids = start === undefined ? promptIds : Int32Array.of(start);
  return {
    promptIds: ids,
    ...(start !== undefined && { source: promptIds }),
    tokens: ids.length + decoding.maxNewTokens,
    sources: start === undefined ? 0 : promptIds.length,
    width,
  };
}

/** The last token of a prompt that answers go on from. */
export function tokenBefore({ source, promptIds }: ScheduledRow): number | undefined {
  return source === undefined ? promptIds.at(-1) : undefined;
}

/** An answer with its text. */
export function rowOf({ before: _, ids, ...answer }: Answer, text: string): GeneratedRow {
  return { ...answer, ids: Int32Array.from(ids), text };
}
