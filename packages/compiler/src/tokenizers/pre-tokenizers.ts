/** How a byte-level tokenizer cuts a text into words before it joins their bytes. */
export interface PreTokenizer {
  /** As tokenizer.json has it. */
  readonly steps: object;
  /** Whether letters and their accents become one character first. */
  readonly isComposed: boolean;
  /** Whether a word that is a token is taken as such, whatever its bytes would be joined to. */
  readonly takesWholeWords: boolean;
  /** Whether texts begin with a token of their own where the file does not say. */
  readonly beginsTexts: boolean;
}

const bytes = (hasWords: boolean) => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: hasWords,
});

function inTurn(...steps: readonly object[]): object {
  return { type: "Sequence", pretokenizers: steps };
}

function cutBy(pattern: string): object {
  return { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false };
}

/** Contractions, words, so many digits, other signs, line ends, spaces. */
const words = (digits: string) =>
  [
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)",
    "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+",
    digits,
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*",
    "\\s*[\\r\\n]+",
    "\\s+(?!\\S)",
    "\\s+",
  ].join("|");

const plain = { isComposed: false, takesWholeWords: false, beginsTexts: false };
const gpt2: PreTokenizer = { steps: bytes(true), ...plain };
const singleDigits: PreTokenizer = {
  steps: inTurn({ type: "Digits", individual_digits: true }, bytes(true)),
  ...plain,
};
const llama3: PreTokenizer = {
  steps: inTurn(cutBy(words("\\p{N}{1,3}")), bytes(false)),
  isComposed: false,
  takesWholeWords: true,
  beginsTexts: true,
};
const qwen2: PreTokenizer = {
  steps: inTurn(cutBy(words("\\p{N}")), bytes(false)),
  ...plain,
  isComposed: true,
};

/** By GGUF's `tokenizer.ggml.pre`. */
export const preTokenizers: Readonly<Record<string, PreTokenizer>> = {
  "gpt-2": gpt2,
  smollm: singleDigits,
  starcoder: singleDigits,
  "llama-bpe": llama3,
  llama3,
  qwen2,
};
