import { type DecodingOptions, greedyDecoding } from "@millrace/core";

/**
 * What a model's generation_config.json asks for: as in transformers, its temperature counts only where `do_sample` is set.
 * Top-k, top-p and min-p change nothing while the likeliest token is taken. What it does not say is neutral. @param stopIds ids that end a text
 */
export function modelDecoding(
  defaults: Readonly<Record<string, unknown>>,
  stopIds: readonly number[],
): DecodingOptions {
  const number = (name: string) => (typeof defaults[name] === "number" ? defaults[name] : undefined);
  const isSampled = defaults.do_sample === true;
  return {
    ...greedyDecoding,
    stopIds,
    maxNewTokens: number("max_new_tokens") ?? greedyDecoding.maxNewTokens,
    minNewTokens: number("min_new_tokens") ?? 0,
    temperature: isSampled ? (number("temperature") ?? 1) : 0,
    topK: number("top_k") ?? 0,
    topP: number("top_p") ?? 1,
    minP: number("min_p") ?? 0,
    repetitionPenalty: number("repetition_penalty") ?? 1,
    noRepeatNgramSize: number("no_repeat_ngram_size") ?? 0,
  };
}
