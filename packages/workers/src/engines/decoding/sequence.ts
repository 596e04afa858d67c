import type { FinishReason, GenerateRequest, TokenLogprob } from "@millrace/core";
import { type Answer, AnsweredRow, type Scores, type Taken } from "./answer.js";
import { argMax, drawToken, logprobOf } from "./choose.js";
import { isForcedEnd, isPlainGreedy, processLogits } from "./processors.js";
import { uniform } from "./random.js";

/** A request that is answered one token after another. */
export class Sequence extends AnsweredRow {
  readonly wantsLogits: boolean;
  /** What the decoder began with, then what was generated; no stop id. */
  private readonly ids: number[];
  private readonly logprobs: TokenLogprob[] = [];

  constructor(request: GenerateRequest, start?: number) {
    super(request, start, 1);
    this.wantsLogits = !isPlainGreedy(request.decoding);
    this.ids = [...this.promptIds];
  }

  /** Ids generated so far. */
  get generated(): readonly number[] {
    return this.ids.slice(this.promptIds.length);
  }

  get past(): number {
    return this.ids.length - 1;
  }

  lastOf(): number {
    return this.ids.at(-1) as number;
  }

  /** Chooses the next token; stop texts are looked for elsewhere. */
  take([scores]: readonly Scores[]): Taken {
    const { decoding } = this.request;
    const isForced = isForcedEnd(this.history, decoding);
    const id = this.choose(scores as Scores);
    if (decoding.stopIds.includes(id)) return { forks: [], answers: [this.answer(isForced ? "length" : "stop")] };
    this.ids.push(id);
    const isFull = this.ids.length - this.promptIds.length >= decoding.maxNewTokens;
    return { forks: [], ...(isFull && { answers: [this.answer("length")] }) };
  }

  /** The answer as far as it goes. */
  answer(finishReason: FinishReason): Answer {
    const logprobs = this.request.decoding.topLogprobs === undefined ? {} : { logprobs: this.logprobs };
    return { before: this.before, ids: this.generated, finishReason, ...logprobs };
  }

  private get history() {
    return { ids: this.ids, promptLength: this.promptIds.length };
  }

  private choose({ best, logits }: Scores): number {
    if (logits === undefined || !this.wantsLogits) return best;
    const { decoding, sequence } = this.request;
    const { topLogprobs, temperature, seed } = decoding;
    const raw = topLogprobs === undefined ? undefined : logits.slice();
    processLogits(logits, this.history, decoding);
    const place = { seed, sequence, position: this.ids.length - this.promptIds.length };
    const id = temperature === 0 ? argMax(logits) : drawToken(logits, decoding, uniform(place));
    const isStop = decoding.stopIds.includes(id);
    if (raw !== undefined && !isStop) this.logprobs.push(logprobOf(raw, id, topLogprobs ?? 0));
    return id;
  }
}
