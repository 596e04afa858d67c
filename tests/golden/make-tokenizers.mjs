// Writes two small tokenizers for machines without a model: WordPiece as BERT uses it, byte-level BPE as RoBERTa does.
// node tests/golden/make-tokenizers.mjs && npx biome check --write tests/golden
import { writeFileSync } from "node:fs";

const words =
  "the of and to in is that it was for on are with as his they at be this from have or by one had not but what all were " +
  "when we there can an your which their said if do will each about how up out them then she many some so these would other " +
  "into has more her two like him see time could no make than first been its who now people my made over did down only way " +
  "find use may water long little very after words called just where most know section chunk document sentence heading";
const pieces = ["ing", "ed", "er", "s", "ly", "tion", "ment", "al", "es", "able"];
const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index));
const lower = printable.filter((letter) => letter.toLowerCase() === letter);
const special = (id, content) => ({
  id,
  content,
  special: true,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
});

function wordPiece() {
  const letters = [...lower, "中", "文", "é", "я"];
  const continued = [...letters.filter((letter) => /[\p{L}\d]/u.test(letter)), ...pieces].map((piece) => `##${piece}`);
  const tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...letters, ...continued, ...words.split(" ")];
  return {
    version: "1.0",
    truncation: { direction: "Right", max_length: 16, strategy: "LongestFirst", stride: 0 },
    padding: {
      strategy: { Fixed: 16 },
      direction: "Right",
      pad_to_multiple_of: null,
      pad_id: 0,
      pad_type_id: 0,
      pad_token: "[PAD]",
    },
    added_tokens: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map((content, id) => special(id, content)),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: around("[CLS]", 2, "[SEP]", 3),
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: numbered(tokens),
    },
  };
}

function byteLevelBpe() {
  const bytes = byteAlphabet();
  const merges = new Map([
    ["Ċ Ċ", "ĊĊ"],
    ["ð Ł", "ðŁ"],
    ["â Ģ", "âĢ"],
  ]);
  for (const word of words.split(" ")) {
    for (let left = "Ġ", index = 0; index < word.length; index += 1) {
      merges.set(`${left} ${word[index]}`, left + word[index]);
      left += word[index];
    }
  }
  const tokens = ["<s>", "<pad>", "</s>", ...bytes, ...new Set(merges.values())];
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: ["<s>", "<pad>", "</s>"].map((content, id) => special(id, content)),
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true },
    post_processor: around("<s>", 0, "</s>", 2),
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      vocab: numbered(tokens),
      merges: [...merges.keys()],
    },
  };
}

/** GPT-2's letters for the 256 bytes: printable ones stand for themselves, the others for letters from U+0100 on. */
function byteAlphabet() {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 32 && byte < 127) || (byte > 160 && byte < 173) || byte > 173;
    return String.fromCharCode(isPrintable ? byte : next++);
  });
}

function around(before, beforeId, after, afterId) {
  const token = (id) => ({ SpecialToken: { id, type_id: 0 } });
  const text = { Sequence: { id: "A", type_id: 0 } };
  const entry = (content, id) => [content, { id: content, ids: [id], tokens: [content] }];
  return {
    type: "TemplateProcessing",
    single: [token(before), text, token(after)],
    pair: [token(before), text, token(after), { Sequence: { id: "B", type_id: 1 } }, token(after)],
    special_tokens: Object.fromEntries([entry(before, beforeId), entry(after, afterId)]),
  };
}

function numbered(tokens) {
  return Object.fromEntries([...new Set(tokens)].map((token, id) => [token, id]));
}

writeFileSync(new URL("wordpiece-tokenizer.json", import.meta.url), `${JSON.stringify(wordPiece())}\n`);
writeFileSync(new URL("byte-bpe-tokenizer.json", import.meta.url), `${JSON.stringify(byteLevelBpe())}\n`);
