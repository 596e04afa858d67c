import type { DecodingOptions } from "@millrace/core";

/** A row's tokens as far as they are decided. */
export interface History {
  /** Prompt, then what was generated. */
  readonly ids: readonly number[];
  readonly promptLength: number;
}

/** True where only the likeliest token is wanted and nothing changes which one that is. */
export function isPlainGreedy(options: DecodingOptions): boolean {
  return options.temperature === 0 && options.topLogprobs === undefined && !changesLogits(options);
}

function changesLogits(options: DecodingOptions): boolean {
  return (
    options.repetitionPenalty !== 1 ||
    options.frequencyPenalty !== 0 ||
    options.presencePenalty !== 0 ||
    options.noRepeatNgramSize > 0 ||
    options.badWords.length > 0 ||
    (options.minNewTokens > 0 && options.stopIds.length > 0) ||
    options.forcedFirstId !== undefined ||
    options.forcedLastId !== undefined
  );
}

/** Changes a row's logits, or log-probabilities, in place as the options ask, in the order in which transformers does. Temperature comes later. */
export function processLogits(logits: Float32Array, history: History, options: DecodingOptions): void {
  if (options.repetitionPenalty !== 1) penalizeRepetition(logits, history, options.repetitionPenalty);
  if (options.frequencyPenalty !== 0 || options.presencePenalty !== 0) penalizeGenerated(logits, history, options);
  if (options.noRepeatNgramSize > 0) banRepeatedNgrams(logits, history, options.noRepeatNgramSize);
  for (const word of options.badWords) banWord(logits, history, word);
  const { forcedFirstId, forcedLastId, minNewTokens } = options;
  const generated = history.ids.length - history.promptLength;
  if (generated < minNewTokens) ban(logits, options.stopIds);
  if (forcedFirstId !== undefined && generated === 0) force(logits, forcedFirstId);
  if (forcedLastId !== undefined && isForcedEnd(history, options)) force(logits, forcedLastId);
}

/** Whether the next token is the last that there is room for, and options say which one that is. */
export function isForcedEnd({ ids, promptLength }: History, { forcedLastId, maxNewTokens }: DecodingOptions): boolean {
  return forcedLastId !== undefined && ids.length - promptLength === maxNewTokens - 1;
}

function force(logits: Float32Array, id: number): void {
  logits.fill(Number.NEGATIVE_INFINITY);
  logits[id] = 0;
}

function penalizeRepetition(logits: Float32Array, { ids }: History, penalty: number): void {
  const single = Math.fround(penalty);
  for (const id of new Set(ids)) {
    const logit = logits[id] as number;
    logits[id] = logit < 0 ? logit * single : logit / single;
  }
}

/** As OpenAI's API describes its two penalties. */
function penalizeGenerated(logits: Float32Array, { ids, promptLength }: History, options: DecodingOptions): void {
  const counts = new Map<number, number>();
  for (const id of ids.slice(promptLength)) counts.set(id, (counts.get(id) ?? 0) + 1);
  for (const [id, count] of counts) {
    logits[id] = (logits[id] as number) - options.frequencyPenalty * count - options.presencePenalty;
  }
}

function banRepeatedNgrams(logits: Float32Array, { ids }: History, size: number): void {
  const beginning = ids.length - size + 1;
  if (beginning < 0) return;
  for (let start = 0; start + size <= ids.length; start += 1) {
    let matching = 0;
    while (matching < size - 1 && ids[start + matching] === ids[beginning + matching]) matching += 1;
    if (matching === size - 1) ban(logits, [ids[start + size - 1] as number]);
  }
}

/** Bans a run's last token where the tokens before it are the last of the history. */
function banWord(logits: Float32Array, { ids }: History, word: readonly number[]): void {
  const last = word.at(-1);
  const beginning = ids.length - word.length + 1;
  if (last === undefined || (word.length > 1 && word.length > ids.length)) return;
  if (word.slice(0, -1).every((id, index) => ids[beginning + index] === id)) ban(logits, [last]);
}

function ban(logits: Float32Array, ids: readonly number[]): void {
  for (const id of ids) if (id < logits.length) logits[id] = Number.NEGATIVE_INFINITY;
}
