import type { FinishReason, GeneratedRow, GenerateRequest, TokenLogprob } from "@millrace/core";
import { argMax, drawToken, logprobOf } from "./choose.js";
import { isPlainGreedy, processLogits } from "./processors.js";
import { uniform } from "./random.js";
import type { ScheduledRow } from "./scheduler.js";

/** What a run of the model says of the token after a row's last one. */
export interface Scores {
  /** The id of the first of the highest logits. */
  readonly best: number;
  /** One for each id; may be changed by whoever takes them. Undefined where they were not asked for. */
  readonly logits?: Float32Array;
}

/** A request as far as it is answered. */
export class Sequence implements ScheduledRow {
  readonly tokens: number;
  /** Whether the best token alone does not tell which one is next. */
  readonly wantsLogits: boolean;
  /** Prompt, then what was generated; no stop id. */
  private readonly ids: number[];
  private readonly logprobs: TokenLogprob[] = [];

  constructor(readonly request: GenerateRequest) {
    const { promptIds, decoding } = request;
    this.tokens = promptIds.length + decoding.maxNewTokens;
    this.wantsLogits = !isPlainGreedy(decoding);
    this.ids = [...promptIds];
  }

  get promptIds(): Int32Array {
    return this.request.promptIds;
  }

  /** Ids generated so far. */
  get generated(): readonly number[] {
    return this.ids.slice(this.promptIds.length);
  }

  get generatedLength(): number {
    return this.ids.length - this.promptIds.length;
  }

  /** The token that the next run takes. */
  get last(): number {
    return this.ids.at(-1) as number;
  }

  /** Tokens whose keys and values are there when the next run begins. */
  get past(): number {
    return this.ids.length - 1;
  }

  /** Chooses the next token. @returns why the answer ends with it, where it does; stop texts are looked for elsewhere */
  take(scores: Scores): FinishReason | undefined {
    const { decoding } = this.request;
    const id = this.choose(scores);
    if (decoding.stopIds.includes(id)) return "stop";
    this.ids.push(id);
    return this.generatedLength >= decoding.maxNewTokens ? "length" : undefined;
  }

  private choose({ best, logits }: Scores): number {
    if (logits === undefined || !this.wantsLogits) return best;
    const { decoding, sequence, promptIds } = this.request;
    const { topLogprobs, temperature, seed } = decoding;
    const raw = topLogprobs === undefined ? undefined : logits.slice();
    processLogits(logits, { ids: this.ids, promptLength: promptIds.length }, decoding);
    const place = { seed, sequence, position: this.generatedLength };
    const id = temperature === 0 ? argMax(logits) : drawToken(logits, decoding, uniform(place));
    const isStop = decoding.stopIds.includes(id);
    if (raw !== undefined && !isStop) this.logprobs.push(logprobOf(raw, id, topLogprobs ?? 0));
    return id;
  }

  /** The answer, with the text of its ids. */
  answer(text: string, finishReason: FinishReason): GeneratedRow {
    const logprobs = this.request.decoding.topLogprobs === undefined ? {} : { logprobs: this.logprobs };
    return { ids: Int32Array.from(this.generated), text, finishReason, ...logprobs };
  }
}
