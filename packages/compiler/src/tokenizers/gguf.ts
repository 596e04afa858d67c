import type { TokenIds } from "../generators/generator-source.js";
import type { JsonFile } from "../json.js";
import { addedToken, beginning, pieceTokenizer } from "./pieces.js";
import { preTokenizers } from "./pre-tokenizers.js";

/** Special tokens of a GGUF file, and their spellings by transformers' names. @throws E_MODEL_INVALID */
export function readGgufTokens(file: JsonFile): {
  readonly tokens: TokenIds;
  readonly specialTokens: Readonly<Record<string, string>>;
} {
  const texts = strings(file, "tokens");
  const id = (field: string): number | undefined => {
    const value = file.values[`${prefix}${field}_token_id`];
    if (value === undefined) return undefined;
    if (typeof value === "number" && texts[value] !== undefined) return value;
    throw file.invalid(`${prefix}${field}_token_id`, `it must be the id of one of ${texts.length} tokens`);
  };
  const named = { bos: id("bos"), eos: id("eos"), unk: id("unknown"), pad: id("padding") };
  const end = [...new Set([named.eos, id("eot"), id("eom")])].filter((token) => token !== undefined);
  const spellings = Object.entries(named).flatMap(([name, token]) =>
    token === undefined ? [] : [[`${name}_token`, texts[token] ?? ""] as const],
  );
  return {
    tokens: {
      ...(named.bos !== undefined && { beginning: named.bos }),
      end,
      ...(named.pad !== undefined && { padding: named.pad }),
    },
    specialTokens: Object.fromEntries(spellings),
  };
}

/** Makes the tokenizer.json of what a GGUF file says. @throws E_MODEL_INVALID, E_MODEL_UNSUPPORTED */
export function ggufTokenizer(file: JsonFile): object {
  const kind = file.text(`${prefix}model`);
  if (kind === "gpt2") return bytePairs(file);
  if (kind === "llama") return pieces(file);
  throw file.unsupported(`${prefix}model`, ["gpt2", "llama"]);
}

const prefix = "tokenizer.ggml.";

/** What GGUF says of a token: a text becomes it, or only its own spelling does. */
const tokenKinds = { unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Byte-level byte pairs, as GPT-2's. */
function bytePairs(file: JsonFile): object {
  const texts = strings(file, "tokens");
  const preTokenizer = preTokenizers[file.text(`${prefix}pre`, "default")];
  if (preTokenizer === undefined) throw file.unsupported(`${prefix}pre`, Object.keys(preTokenizers));
  const { tokens } = readGgufTokens(file);
  const isBegun = file.values[`${prefix}add_bos_token`] ?? preTokenizer.beginsTexts;
  const first = isBegun === true ? tokens.beginning : undefined;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens(file, texts),
    normalizer: preTokenizer.isComposed ? { type: "NFC" } : null,
    pre_tokenizer: preTokenizer.steps,
    post_processor: first === undefined ? byteLevel : beginning(first, texts[first] ?? ""),
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: preTokenizer.takesWholeWords,
      vocab: Object.fromEntries(texts.map((text, id) => [text, id])),
      merges: strings(file, "merges").map((merge) => merge.split(" ")),
    },
  };
}

const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };

function addedTokens(file: JsonFile, texts: readonly string[]): readonly object[] {
  const kinds = numbers(file, "token_type");
  return texts.flatMap((text, id) => {
    const isControl = kinds[id] === tokenKinds.control;
    return isControl || kinds[id] === tokenKinds.userDefined ? [addedToken(id, text, isControl)] : [];
  });
}

/** SentencePiece's byte pairs, as Llama's. */
function pieces(file: JsonFile): object {
  const texts = strings(file, "tokens");
  const scores = numbers(file, "scores");
  if (scores.length !== texts.length) throw file.invalid(`${prefix}scores`, "there must be one for each token");
  const { tokens } = readGgufTokens(file);
  const unknown = file.values[`${prefix}unknown_token_id`];
  const made = pieceTokenizer({
    pieces: texts.map((text, id) => ({ text, score: scores[id] ?? 0 })),
    unknown: typeof unknown === "number" ? unknown : 0,
    special: [],
    first: file.values[`${prefix}add_bos_token`] === false ? undefined : tokens.beginning,
    hasSpaceBefore: file.values[`${prefix}add_space_prefix`] !== false,
  });
  return { ...made, added_tokens: addedTokens(file, texts) };
}

function strings(file: JsonFile, field: string): readonly string[] {
  const value = file.values[prefix + field];
  if (Array.isArray(value) && value.every((text) => typeof text === "string")) return value;
  throw file.invalid(prefix + field, "it must be a list of strings");
}

function numbers(file: JsonFile, field: string): readonly number[] {
  const value = file.values[prefix + field] ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === "number")) return value;
  throw file.invalid(prefix + field, "it must be a list of numbers");
}
