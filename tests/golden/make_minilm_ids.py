"""Writes minilm-ids.json: texts with the token ids Hugging Face transformers gives them, special tokens included.

python tests/golden/make_minilm_ids.py MODEL_DIRECTORY && npx biome check --write tests/golden
"""

import json
import pathlib
import random
import sys

from transformers import AutoTokenizer

WRITTEN = [
    "", " ", "\n\n", "a", "Hello, world!", "The quick brown fox jumps over the lazy dog.", "don't can't won't I'm", "[SEP]", "[CLS] typed by a user [SEP]",
    "mask [MASK] and [PAD] and [UNK]", "[sep] [Sep] [SEP ]", "naïve café Ünïcödé", "e\u0301cole", "ﬁne ligature", "ＦＵＬＬ ｗｉｄｔｈ", "中文字符没有空格", "日本語のテキスト。", "한국어 문장입니다.",
    "Привет, мир!", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "Γειά σου Κόσμε", "ไทยไม่มีช่องว่าง", "😀 👨‍👩‍👧 🇩🇪", "x😀y", "a\u0000b", "a\u200bb", "a\ufeffb", "a\u00a0b", "tab\tand\r\nline",
    "a" * 100, "a" * 101, "supercalifragilisticexpialidocious", "https://example.org/path?query=1&x=%20#part", "user@example.org", "3.14159 1,000,000 0xdeadbeef 1e-5", "def f(x):\n    return x ** 2  # square",
    "| a | b |\n|---|---|\n| 1 | 2 |", "# Heading\n\nText *with* **markup** and `code`.", "<p class=\"x\">Hi &amp; bye</p>", "{\"key\": [1, 2, null]}", "$\\frac{a}{b}$ ∑ ∫ ≤ ≠", "“quotes” ‘single’ — dash – … ellipsis", "C++ C# F# .NET", "İstanbul ıI", "ǅ ǆ Ǆ", "ß ẞ SS",
    "\u0301\u0301", "\ufffd", "\u2028\u2029", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𠜎𠜱𠝹", "①②③ ½ ² ³", "aaa-bbb_ccc/ddd\\eee", "....!!!???", "\u0007\u001b[31mred", "ａ　ｂ", "עִבְרִית", "ÅÅÅ",
]
PIECES = ["token", "Batch", "embedding", "42", "naïve", "中", "文", "😀", "\n", "  ", "\t", "-", "'s", "[SEP]", "ﷺ", "e\u0301", "the", "of", "UPPER", "##ing", "(x)", "…", "я", "\u0000", "\u200d", "millrace"]


def texts() -> list[str]:
    rng = random.Random(7)
    mixed = [rng.choice(["", " "]).join(rng.choices(PIECES, k=rng.randint(1, 40))) for _ in range(100)]
    points = [chr(c) for _ in range(40) for c in [rng.randrange(1, 0xD800)]]
    runs = ["".join(chr(rng.randrange(low, low + 128)) for _ in range(20)) for low in range(0x80, 0x80 * 21, 0x80)]
    return WRITTEN + mixed + ["".join(points)] + runs + ["word " * 600]


def main() -> None:
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    golden = [{"text": text, "ids": tokenizer(text, truncation=False, padding=False)["input_ids"]} for text in texts()]
    path = pathlib.Path(__file__).with_name("minilm-ids.json")
    path.write_text("[\n" + ",\n".join(json.dumps(each) for each in golden) + "\n]\n")


main()
