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
export abstract class AnsweredRow implements ScheduledRow {
  readonly promptIds: Int32Array;
  readonly source?: Int32Array;
  readonly tokens: number;
  readonly sources: number;
  /** Whether the best token alone does not tell which one is next. */
  abstract readonly wantsLogits: boolean;
  /** Tokens whose keys and values are there when the next run begins. */
  abstract readonly past: number;

  /** @param start what the decoder begins with, where an encoder reads the prompt */
  constructor(
    readonly request: GenerateRequest,
    start: number | undefined,
    readonly width: number,
  ) {
    const { promptIds, decoding } = request;
    this.promptIds = start === undefined ? promptIds : Int32Array.of(start);
    if (start !== undefined) this.source = promptIds;
    this.sources = this.source?.length ?? 0;
    this.tokens = this.promptIds.length + decoding.maxNewTokens;
  }

  /** The token that the next run takes of a branch. */
  abstract lastOf(branch: number): number;
  /** Decides what comes next. @param scores of each branch, or of the one that stands for all while they are alike */
  abstract take(scores: readonly Scores[]): Taken;

  /** The token of the prompt that answers go on from. */
  protected get before(): number | undefined {
    return this.source === undefined ? this.promptIds.at(-1) : undefined;
  }
}

/** An answer with its text. */
export function rowOf({ before: _, ids, ...answer }: Answer, text: string): GeneratedRow {
  return { ...answer, ids: Int32Array.from(ids), text };
}
