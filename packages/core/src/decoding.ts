/** How many ids of the likeliest tokens a log-probability may come with. */
export const mostTopLogprobs = 20;

/** When a beam search ends that has as many finished beams as it keeps: at once, when no beam is likely to get better, or can. */
export const earlyStoppings = [true, false, "never"] as const;
export type EarlyStopping = (typeof earlyStoppings)[number];

/** Beam search: the likeliest beginnings of an answer are continued side by side. */
export interface BeamOptions {
  /** Beginnings that are continued, at least 2. */
  readonly count: number;
  /** Answers that are returned, best first; at most `count`. */
  readonly returned: number;
  /** An answer's score is its log-probability divided by its tokens to this power: more than 0 favours long answers. */
  readonly lengthPenalty: number;
  readonly earlyStopping: EarlyStopping;
}

/**
 * How tokens are chosen; each field means what transformers' `GenerationConfig` means by it, and OpenAI's API by the two
 * penalties it does not know. What is neutral changes nothing.
 */
export interface DecodingOptions {
  /** Tokens to generate at most, at least 1. */
  readonly maxNewTokens: number;
  /** No stop id is taken before so many tokens; 0 is neutral. */
  readonly minNewTokens: number;
  /** 0 takes the likeliest token each time; else logits are divided by it and a token is drawn. */
  readonly temperature: number;
  /** Draws among so many of the likeliest tokens; 0 is neutral. */
  readonly topK: number;
  /** Draws among the likeliest tokens that together have this probability; 1 is neutral. */
  readonly topP: number;
  /** Draws among tokens of at least this share of the likeliest one's probability; 0 is neutral. */
  readonly minP: number;
  /** Divides positive logits, multiplies negative ones, of every token in prompt and answer; 1 is neutral. */
  readonly repetitionPenalty: number;
  /** Is taken from a token's logit for each time it was generated; 0 is neutral. */
  readonly frequencyPenalty: number;
  /** Is taken from the logit of each token that was generated; 0 is neutral. */
  readonly presencePenalty: number;
  /** No run of so many tokens comes twice in prompt and answer; 0 is neutral. */
  readonly noRepeatNgramSize: number;
  /** Runs of token ids that are never generated. */
  readonly badWords: readonly (readonly number[])[];
  /** Texts that end the answer, which goes up to where the first of them begins. */
  readonly stopTexts: readonly string[];
  /** Token ids that end the answer and are no part of it. */
  readonly stopIds: readonly number[];
  /** Decides what is drawn, with the sequence's number and the position: a whole number from 0 to 2⁵³ − 1. */
  readonly seed: number;
  /** Return the log-probability the model gives each token, with those of so many of the likeliest; undefined for none. */
  readonly topLogprobs?: number;
  /** Searches with beams, in which nothing is drawn; undefined takes one token after another. */
  readonly beams?: BeamOptions | undefined;
  /** Token that every answer begins with. */
  readonly forcedFirstId?: number;
  /** Token that takes the last place of an answer as long as may be. */
  readonly forcedLastId?: number;
  /** Whether beams are scored by probabilities that add up to 1 again after options have changed them. */
  readonly renormalizes?: boolean;
}

/** Options of a greedy answer that no other option changes. */
export const greedyDecoding: DecodingOptions = {
  maxNewTokens: 256,
  minNewTokens: 0,
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  noRepeatNgramSize: 0,
  badWords: [],
  stopTexts: [],
  stopIds: [],
  seed: 0,
};
