import type { CompiledGenerator } from "@millrace/compiler";
import { type DecodingOptions, earlyStoppings, greedyDecoding } from "@millrace/core";

type Model = Pick<CompiledGenerator, "kind" | "defaults" | "tokens">;

/**
 * What a model's generation_config.json asks for: as in transformers, its temperature counts only where `do_sample` is set,
 * and lengths of whole texts include the token that a decoder beside an encoder begins with; for other models they are left
 * out. Top-k, top-p and min-p change nothing while the likeliest token is taken. What it does not say is neutral.
 */
export function modelDecoding({ kind, defaults, tokens }: Model): DecodingOptions {
  const number = (name: string) => (typeof defaults[name] === "number" ? defaults[name] : undefined);
  const isSampled = defaults.do_sample === true;
  const isBeside = kind === "encoder-decoder";
  const generatedOf = (name: string) => {
    const length = isBeside ? number(name) : undefined;
    return length === undefined ? undefined : Math.max(0, length - 1);
  };
  return {
    ...greedyDecoding,
    stopIds: tokens.end,
    maxNewTokens: number("max_new_tokens") ?? (generatedOf("max_length") || greedyDecoding.maxNewTokens),
    minNewTokens: number("min_new_tokens") ?? generatedOf("min_length") ?? 0,
    temperature: isSampled ? (number("temperature") ?? 1) : 0,
    topK: number("top_k") ?? 0,
    topP: number("top_p") ?? 1,
    minP: number("min_p") ?? 0,
    repetitionPenalty: number("repetition_penalty") ?? 1,
    noRepeatNgramSize: number("no_repeat_ngram_size") ?? 0,
    badWords: badWordsOf(defaults.bad_words_ids, tokens.end),
    ...(isBeside && forcedOf(number)),
    ...(defaults.renormalize_logits === true && { renormalizes: true }),
  };
}

/** What beam search a model's generation_config.json asks for; one beam is none. */
export function modelBeams({ defaults }: Pick<Model, "defaults">) {
  const { num_beams: count, length_penalty: lengthPenalty, early_stopping: earlyStopping } = defaults;
  return {
    count: typeof count === "number" ? count : 1,
    lengthPenalty: typeof lengthPenalty === "number" ? lengthPenalty : 1,
    earlyStopping: earlyStoppings.find((each) => each === earlyStopping) ?? false,
  };
}

function forcedOf(number: (name: string) => number | undefined) {
  const [first, last] = [number("forced_bos_token_id"), number("forced_eos_token_id")];
  return { ...(first !== undefined && { forcedFirstId: first }), ...(last !== undefined && { forcedLastId: last }) };
}

/** A word that is the end of a text alone forbids nothing, as in transformers. */
function badWordsOf(value: unknown, end: readonly number[]): readonly (readonly number[])[] {
  const words: readonly unknown[] = Array.isArray(value) ? value : [];
  const isWord = (word: unknown): word is number[] =>
    Array.isArray(word) && word.length > 0 && word.every((id) => Number.isSafeInteger(id));
  return words.filter(isWord).filter((word) => word.length > 1 || !end.includes(word[0] as number));
}
