import { type DecodingOptions, MillraceError, mostTopLogprobs } from "@millrace/core";

/** What each option may be, in words and as a test. */
const allowed: {
  readonly [Key in keyof DecodingOptions]?: readonly [what: string, test: (value: number) => boolean];
} = {
  maxNewTokens: ["a whole number from 1 on", (value) => Number.isSafeInteger(value) && value >= 1],
  minNewTokens: ["a whole number from 0 on", (value) => Number.isSafeInteger(value) && value >= 0],
  temperature: ["a number from 0 on", (value) => Number.isFinite(value) && value >= 0],
  topK: ["a whole number from 0 on", (value) => Number.isSafeInteger(value) && value >= 0],
  topP: ["a number above 0 and at most 1", (value) => value > 0 && value <= 1],
  minP: ["a number from 0 to 1", (value) => value >= 0 && value <= 1],
  repetitionPenalty: ["a number above 0", (value) => Number.isFinite(value) && value > 0],
  frequencyPenalty: ["a number from -2 to 2", (value) => Math.abs(value) <= 2],
  presencePenalty: ["a number from -2 to 2", (value) => Math.abs(value) <= 2],
  noRepeatNgramSize: ["a whole number from 0 on", (value) => Number.isSafeInteger(value) && value >= 0],
  seed: ["a whole number from 0 to 2^53 - 1", (value) => Number.isSafeInteger(value) && value >= 0],
  topLogprobs: [
    `a whole number from 0 to ${mostTopLogprobs}`,
    (value) => Number.isSafeInteger(value) && value >= 0 && value <= mostTopLogprobs,
  ],
};

/** Says in one line which option is wrong, the first where several are; undefined where none is. */
export function decodingProblem(options: DecodingOptions): string | undefined {
  for (const [name, [what, test]] of Object.entries(allowed)) {
    const value = options[name as keyof DecodingOptions];
    if (value !== undefined && !test(value as number)) return `${name} must be ${what}, not ${value}`;
  }
  if (options.stopTexts.includes("")) return "a stop text must not be empty";
  if (options.badWords.some((word) => word.length === 0)) return "a bad word must not be empty";
  const beams = beamProblem(options);
  if (beams !== undefined) return beams;
  if (options.minNewTokens > options.maxNewTokens)
    return `minNewTokens is ${options.minNewTokens}, more than maxNewTokens, which is ${options.maxNewTokens}`;
  return undefined;
}

function beamProblem({ beams, temperature, stopTexts, topLogprobs }: DecodingOptions): string | undefined {
  if (beams === undefined) return undefined;
  const { count, returned, lengthPenalty } = beams;
  if (!Number.isSafeInteger(count) || count < 2) return `a search must have at least 2 beams, not ${count}`;
  if (!Number.isSafeInteger(returned) || returned < 1 || returned > count)
    return `a search of ${count} beams returns 1 to ${count} answers, not ${returned}`;
  if (!Number.isFinite(lengthPenalty)) return `lengthPenalty must be a number, not ${lengthPenalty}`;
  if (temperature > 0) return "beams are searched, not drawn: the temperature must be 0 with them";
  if (stopTexts.length > 0) return "beams do not end at stop texts";
  if (topLogprobs !== undefined) return "an answer of a beam search has one score, not log-probabilities of its tokens";
  return undefined;
}

/** @throws E_USAGE */
export function checkDecoding(options: DecodingOptions): void {
  const problem = decodingProblem(options);
  if (problem === undefined) return;
  throw new MillraceError("E_USAGE", "these decoding options cannot be used", { why: problem });
}
