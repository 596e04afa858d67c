"""Writes minilm-64.json: 64 texts, their token ids and the vectors sentence-transformers makes of them.

    pip install sentence-transformers==6.2.0
    python tests/golden/make_minilm_vectors.py <directory of all-MiniLM-L6-v2> && npx biome check --write tests/golden

Each text is encoded alone, in fp32 on the CPU, so that no vector depends on padding. Ids are truncated at 256, special
tokens included. Vectors are base64 of little-endian float32, 64 × 384.
"""

import base64
import json
import pathlib
import random
import sys

import numpy
import torch
from sentence_transformers import SentenceTransformer

syllables = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu za".split()
subjects = "The harbour|A small observatory|My neighbour's bicycle|The second experiment|An old printing press".split("|")
verbs = "stands beside|depends on|was repaired with|slowly replaces|cannot measure".split("|")
objects = "the northern canal|seventeen copper wires|a forgotten recipe|the weekly market|low atmospheric pressure".split("|")


def sentence(rng):
    return f"{rng.choice(subjects)} {rng.choice(verbs)} {rng.choice(objects)}."


def word(rng):
    return "".join(rng.choice(syllables) for _ in range(rng.randint(1, 4)))


def texts():
    rng = random.Random(20)
    special = [
        "",
        " ",
        "\n\t\r\n",
        "water",
        "Water",
        "WATER!",
        "a",
        "?",
        "...",
        "!!!???",
        "—–-",
        "0",
        "3.14159265358979",
        "1,234,567.89 kg ± 0.5 %",
        "2026-11-23T18:12:00Z",
        "+49 30 1234567",
        "🙂",
        "👩‍👩‍👧‍👦 family, 🇩🇪 flag, 👍🏽 thumb",
        "Rocket 🚀 to the 🌕 and back",
        "机器学习模型把文本变成向量。",
        "検索エンジンは文書を素早く見つけます。",
        "검색 엔진은 문서를 빠르게 찾습니다.",
        "مرحبا بالعالم، هذا نص قصير.",
        "שלום עולם, זה טקסט קצר.",
        "English then العربية then עברית then English",
        "Привет, мир! Это короткий текст.",
        "Καλημέρα κόσμε, ένα σύντομο κείμενο.",
        "สวัสดีชาวโลก นี่คือข้อความสั้น",
        "नमस्ते दुनिया, यह एक छोटा पाठ है।",
        "Crème brûlée, naïve façade, Ærøskøbing, straße, İstanbul",
        "e\u0301 a\u0308 o\u0302\u0323 n\u0303 combining marks",
        "Z\u0351\u036b\u0343a\u0329\u034al\u0334g\u0321\u0352o",
        "null\u0000byte bell\u0007 escape\u001b[31mred\u001b[0m delete\u007f",
        "zero\u200bwidth\u200djoiner\ufeffmark soft\u00adhyphen",
        "non\u00a0breaking\u202fspaces\u2003here\u3000there",
        "line one\nline two\r\nline three\u2028line four",
        "[CLS] typed by hand [SEP] and [MASK] too [PAD] [UNK]",
        "##ing ##ed ## #",
        "ﬁne ligatures, ①②③ circled, ℌ𝔢𝔩𝔩𝔬 mathematical, ＦＵＬＬ width",
        "function add(a, b) { return a + b; } // sums two numbers",
        "for (let i = 0; i < n; i++) { total += prices[i] ?? 0; }",
        "SELECT id, name FROM users WHERE age >= 21 ORDER BY name DESC LIMIT 10;",
        'def read(path):\n    with open(path, "rb") as file:\n        return file.read()',
        '{"key": [1, 2.5e-3, null, true], "nested": {"a": "b"}}',
        "https://example.org/a/very/long/path?" + "&".join(f"parameter{i}={i * 7919}" for i in range(40)) + "#fragment",
        "user.name+tag@example.org",
        "C:\\Program Files\\Example\\file.txt",
        "x" * 90,
        "x" * 300,
        "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
        "# Heading\n\n- first item\n- second item\n\n| a | b |\n|---|---|\n| 1 | 2 |",
        "∀x ∈ ℝ: x² ≥ 0, ∑ᵢ aᵢ → ∞, √2 ≈ 1.41421",
    ]
    plain = [sentence(rng) for _ in range(4)]
    medium = [" ".join(sentence(rng) for _ in range(count)) for count in (4, 9, 15)]
    edge = [" ".join(["water"] * count) for count in (253, 254, 255)]
    long = [" ".join(word(rng) for _ in range(2000)), " ".join(sentence(rng) for _ in range(120))]
    return special + plain + medium + edge + long


def main():
    model = SentenceTransformer(sys.argv[1], device="cpu").float()
    model.max_seq_length = 256
    torch.set_grad_enabled(False)
    rows = texts()
    assert len(rows) == 64 and len(set(rows)) == 64, len(rows)
    ids = [model.tokenizer(text, truncation=True, max_length=256)["input_ids"] for text in rows]
    vectors = numpy.stack([model.encode(text, batch_size=1, convert_to_numpy=True) for text in rows]).astype("<f4")
    golden = {
        "rows": [{"text": text, "ids": " ".join(map(str, row))} for text, row in zip(rows, ids)],
        "dimensions": vectors.shape[1],
        "vectors": base64.b64encode(vectors.tobytes()).decode(),
    }
    target = pathlib.Path(__file__).with_name("minilm-64.json")
    target.write_text(json.dumps(golden, ensure_ascii=True, indent=2) + "\n")


if __name__ == "__main__":
    main()
